import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Connection, Engine, EngineConnection } from './engine';
import { insertLines } from './insert-lines';
import type { Lane } from './lane';

/** The part that a server would send with an empty answer. */
const ANSWERED = { response_headers: {}, http_status_code: 200 };

export interface ConnectionOptions {
  readonly engine: Engine;
  readonly path: string;
  /** For `client.query`: long reads must not delay the writer. */
  readonly reads: Lane;
  /** For `insert`, `exec` and `command`. */
  readonly writes: Lane;
}

/**
 * The connection that the official client takes instead of HTTP. A connection of chdb runs one query at a time, so each
 * call takes its own from a pool. A call with `clickhouse_settings` gets a fresh one: chdb keeps settings on the
 * connection for all later calls (a kept `insert_deduplication_token` would silently drop a later insert).
 */
export function pooledConnection({ engine, path, reads, writes }: ConnectionOptions): Connection {
  const idle: EngineConnection[] = [];
  let closed = false;

  const use = <T>(lane: Lane, params: object, call: (connection: EngineConnection) => Promise<T>): Promise<T> =>
    lane.run(async () => {
      if (closed) throw new Error('the embedded ClickHouse is closed');
      const bringsSettings =
        'clickhouse_settings' in params && Object.keys(params.clickhouse_settings ?? {}).length > 0;
      const pooled = bringsSettings ? undefined : idle.pop();
      const connection = pooled ?? engine.createChdbConnection({ path });
      try {
        return await call(connection);
      } finally {
        if (bringsSettings) await connection.close();
        else idle.push(connection);
      }
    });

  return {
    query: (params) => use(reads, params, (connection) => connection.query(params)),
    insert: (params) => use(writes, params, (connection) => connection.insert(params)),
    exec: (params) =>
      use(writes, params, async (connection) => {
        const inserting = insertLines(connection, params);
        if (inserting === null) return connection.exec(params);
        await inserting;
        return { stream: Readable.from([]), query_id: params.query_id ?? randomUUID(), ...ANSWERED };
      }),
    command: (params) => use(writes, params, (connection) => connection.command(params)),
    ping: (params) => use(reads, params, (connection) => connection.ping(params)),
    close: async () => {
      closed = true;
      await Promise.all([reads.idle(), writes.idle()]);
      await Promise.all(idle.splice(0).map((connection) => connection.close()));
    },
  };
}

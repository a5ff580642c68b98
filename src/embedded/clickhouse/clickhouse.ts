import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf, OperatorError } from '../../common';
import { identify } from '../identity';
import { keepPrivate } from '../private';
import { namingPath } from '../remedy';
import { pooledConnection } from './connection-pool';
import { loadEngine, type Connection } from './engine';
import { createLane } from './lane';
import { runStatement, StatementError, type Statement, type StatementResult } from './statement';

export interface EmbeddedOptions {
  /** `DATA_DIR`; the tables are in its folder `clickhouse`. */
  readonly dataDir: string;
}

/** ClickHouse in this process. The data of a resolved insert survive `kill -9`. */
export interface EmbeddedClickHouse {
  /** The folder of the tables. */
  readonly path: string;
  /** For `connectStore({ connection })`. Each connection closes with its client. */
  connection(): Connection;
  /** Runs one statement, with its own database, settings and rights, on a connection of its own. */
  run(statement: Statement): Promise<StatementResult>;
  /** Waits for running queries. After that another folder can be opened. */
  close(): Promise<void>;
}

/** The size of libuv's pool in a process of `queuefold` (`UV_THREADPOOL_SIZE`; Node.js's own default is 4). */
const POOL_THREADS = 16;

/**
 * The engine runs every query on a thread of libuv's pool. The writer, this program's own reads (health, the table) and
 * statements of others have separate lanes, so that a long SELECT delays neither the others nor the health check. The
 * other threads are for files and names.
 */
function createLanes() {
  const isSmall = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) < POOL_THREADS;
  return { writes: createLane(2), reads: createLane(isSmall ? 1 : 2), statements: createLane(isSmall ? 1 : 6) };
}

/** How many statements of others may wait for their turn. */
const MOST_WAITING = 32;

const TOO_MANY =
  'Code: 202. DB::Exception: Too many statements wait for their turn. Try again later. (TOO_MANY_SIMULTANEOUS_QUERIES)';

/**
 * A folder belongs to one process, and a process to one folder; otherwise it throws an OperatorError that names the
 * folder.
 */
export async function openEmbeddedClickHouse({ dataDir }: EmbeddedOptions): Promise<EmbeddedClickHouse> {
  const engine = loadEngine();
  keepPrivate();
  const path = join(resolve(dataDir), 'clickhouse');
  await namingPath('data directory', path, async () => {
    await mkdir(path, { recursive: true, mode: 0o700 });
    // Closes a folder that an earlier version left open to others; this covers everything below it.
    await chmod(path, 0o700);
  });
  await engine.drainPending();
  // Kept as long as the engine is open, because without any connection the engine shuts down.
  const keeper = await Promise.resolve(path)
    .then((folder) => new engine.Session(folder))
    .catch(async (error: unknown) => Promise.reject(await explained(error, path)));
  const { reads, statements, writes } = createLanes();
  const connections = new Set<Connection>();
  let closing: Promise<void> | null = null;

  return {
    path,
    connection: () => {
      const connection = pooledConnection({ engine, path, reads, writes });
      connections.add(connection);
      return connection;
    },
    run: (statement) => {
      if (closing !== null) return Promise.reject(new Error('the embedded ClickHouse is closed'));
      if (statement.readOnly && statements.waiting() >= MOST_WAITING)
        return Promise.reject(new StatementError(TOO_MANY));
      return (statement.readOnly ? statements : writes).run(() => runStatement(new engine.Session(path), statement));
    },
    close: () =>
      (closing ??= (async () => {
        await Promise.all([...connections].map((connection) => connection.close()));
        await Promise.all([reads.idle(), statements.idle(), writes.idle()]);
        keeper.close();
        await engine.drainPending();
      })()),
  };
}

async function explained(error: unknown, path: string): Promise<OperatorError> {
  const message = messageOf(error).replace(/\s+/g, ' ');
  if (message.includes('one active data directory per process')) {
    return new OperatorError(
      `ClickHouse data in ${path}: this process already has another folder open. Close that one first.`,
    );
  }
  // chdb prints why it could not lock the folder, but its error does not contain the reason. The lock file names the
  // holder.
  const status = await readFile(join(path, 'status'), 'utf8').catch(() => '');
  const holder = await identify(Number(/^PID: (\d+)$/m.exec(status)?.[1] ?? 0));
  if (holder === undefined) return new OperatorError(`ClickHouse data in ${path}: cannot open them: ${message}`);
  return new OperatorError(
    `ClickHouse data in ${path}: process ${holder.pid} has them open (is \`queuefold start\` running?). ` +
      'Query them over its HTTP address, as `queuefold query` does, or stop that process, or choose ' +
      'another folder with DATA_DIR.',
  );
}

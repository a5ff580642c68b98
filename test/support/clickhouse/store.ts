import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedClickHouse, openEmbeddedClickHouse } from '../../../src/embedded';
import { connectStore, identifier, migrate, type Store } from '../../../src/store';
import { namedServer, newDatabaseName } from './clickhouse-server';

export interface TestStore {
  readonly store: Store;
  /** Null if `CLICKHOUSE_URL` is set. */
  readonly engine: EmbeddedClickHouse | null;
  /** The rows of a query as JSON objects, 64-bit numbers as strings. */
  rows(query: string): Promise<Record<string, unknown>[]>;
  /** Empties the tables. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export interface TestStoreOptions {
  /** Default true: the tables exist. */
  readonly migrated?: false;
  /** Another database in the same place, because a process has only one embedded engine. */
  readonly beside?: TestStore;
}

/** The tables with data. The record of the migrations is not among them. */
const CLEARED: readonly string[] = [
  ...['history', 'state', 'lives', 'progress', 'epochs', 'erasures'].map((name) => `queue_conversation_${name}`),
  ...['queue_visit_state', 'queue_visit_times', 'names'],
];

/**
 * The server of `CLICKHOUSE_URL`, else the embedded engine in a folder of its own; in both cases a database of its own.
 */
export async function storeForTests(options: TestStoreOptions = {}): Promise<TestStore> {
  const server = namedServer();
  const database = newDatabaseName();
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-store-'));
  const own = options.beside === undefined && server === null;
  const engine = own ? await openEmbeddedClickHouse({ dataDir: folder }) : (options.beside?.engine ?? null);
  const place = engine === null ? server : { connection: engine.connection(), where: engine.path };
  if (place === null) throw new Error('neither a server nor an engine');
  const store = connectStore({ ...place, database });
  if (options.migrated !== false) await migrate(store.client, { database, dryRun: false });

  const command = (query: string) => store.client.command({ query });
  const rows: TestStore['rows'] = async (query) => {
    const result = await store.client.query({
      query: `${query} SETTINGS output_format_json_quote_64bit_integers = 1, date_time_output_format = 'iso'`,
      format: 'JSONEachRow',
    });
    return result.json();
  };
  return {
    store,
    engine,
    rows,
    clear: async () => {
      // Properties clear the tables in each of their runs, and most tables are empty then.
      const filled = await rows(`SELECT DISTINCT table FROM system.parts WHERE active AND database = '${database}'`);
      for (const table of filled.map((part) => String(part['table'])).filter((name) => CLEARED.includes(name))) {
        await command(`TRUNCATE TABLE ${identifier(database)}.${table}`);
      }
    },
    close: async () => {
      await command(`DROP DATABASE IF EXISTS ${identifier(database)}`);
      await store.close();
      if (own) await engine?.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

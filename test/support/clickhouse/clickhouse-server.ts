import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectStore, identifier, type Store } from '../../../src/store';
import { clickHouseProcess } from './clickhouse-process';

export interface ServerAddress {
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

/** A ClickHouse behind HTTP. */
export interface TestServer extends ServerAddress {
  /** A unique name; `dispose` drops the database. */
  newDatabase(): string;
  /** The caller closes the store. @param url of a proxy in front of the server */
  connect(database: string, url?: string, requestTimeoutMs?: number): Store;
  /** The settings with which a process connects to it. */
  env(database: string, url?: string): Readonly<Record<string, string>> & { readonly CLICKHOUSE_DATABASE: string };
  dispose(): Promise<void>;
}

/** `CLICKHOUSE_URL` with its user; null: it is not set. */
export function namedServer(): ServerAddress | null {
  const { CLICKHOUSE_URL: url = '', CLICKHOUSE_USERNAME: username, CLICKHOUSE_PASSWORD: password } = process.env;
  return url === '' ? null : { url, username: username ?? 'default', password: password ?? '' };
}

export function newDatabaseName(): string {
  return `queuefold_test_${randomUUID().slice(0, 8)}`;
}

/**
 * For tests of code that uses a server: the one of `CLICKHOUSE_URL`, else the embedded engine behind HTTP in a process
 * of its own.
 */
export async function serverForTests(): Promise<TestServer> {
  const named = namedServer();
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-server-'));
  const own = named === null ? await clickHouseProcess(folder) : null;
  const address = named ?? { url: own?.url ?? '', username: 'default', password: '' };
  const databases: string[] = [];

  const connect = (database: string, url = address.url, requestTimeoutMs?: number): Store =>
    connectStore({ ...address, url, database, ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }) });
  const dropAll = async (): Promise<void> => {
    const { client } = connect('default');
    for (const database of databases) {
      await client.command({ query: `DROP DATABASE IF EXISTS ${identifier(database)}` });
    }
    await client.close();
  };

  return {
    ...address,
    newDatabase: () => {
      const database = newDatabaseName();
      databases.push(database);
      return database;
    },
    connect,
    env: (database, url = address.url) => ({
      CLICKHOUSE_URL: url,
      CLICKHOUSE_USERNAME: address.username,
      CLICKHOUSE_PASSWORD: address.password,
      CLICKHOUSE_DATABASE: database,
    }),
    dispose: async () => {
      if (own === null) await dropAll();
      else await own.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

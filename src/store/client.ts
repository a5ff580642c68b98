import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { OperatorError, messageOf } from '../common/errors';
import { codeOf, describeStoreError } from './errors';

/**
 * The store's port is the official client's own interface: the embedded engine plugs into it. What holds for both:
 * - names are qualified (`identifier(database)`): the embedded engine ignores `database` and `session_id`;
 * - settings of the writer stand in its SQL, so one statement says all that it depends on;
 * - errors are told apart by `codeOf(error)`, never by `instanceof`.
 */
export interface Store {
  readonly client: ClickHouseClient;
  readonly database: string;
  /** For messages: the server's address without credentials, or the embedded engine's folder. */
  readonly where: string;
  close(): Promise<void>;
}

/** What the client takes instead of HTTP: the embedded engine's connection. */
export type InjectedConnection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>;

export interface ServerOptions {
  /** `http://…` or `https://…` (TLS). */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** One request, from sending to its answer. Default 120,000. */
  readonly requestTimeoutMs?: number;
}

export interface EmbeddedOptions {
  /** Of `openEmbeddedClickHouse(…).connection()`. */
  readonly connection: InjectedConnection;
  readonly database: string;
  readonly where: string;
}

const REQUEST_TIMEOUT_MS = 120_000;

/** Connects lazily: nothing is sent before the first statement. See `checkStore`. */
export function connectStore(options: ServerOptions | EmbeddedOptions): Store {
  const client = 'connection' in options ? embeddedClient(options) : serverClient(options);
  return {
    client,
    database: options.database,
    where: 'connection' in options ? options.where : new URL(options.url).origin,
    close: () => client.close(),
  };
}

function embeddedClient({ connection }: EmbeddedOptions): ClickHouseClient {
  return createClient({ connection, log: { level: ClickHouseLogLevel.OFF } });
}

function serverClient(options: ServerOptions): ClickHouseClient {
  return createClient({
    url: options.url,
    username: options.username,
    password: options.password,
    request_timeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    application: 'queuefold',
    // Its own log would print statements with their data; errors reach the caller anyway.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/** Asks for the version. Throws an OperatorError that says what to look at. */
export async function checkStore(store: Store): Promise<string> {
  try {
    const result = await store.client.query({ query: 'SELECT version() AS version', format: 'JSONEachRow' });
    const [row] = await result.json<{ version: string }>();
    return row?.version ?? '';
  } catch (error) {
    const said = describeStoreError(error);
    if (codeOf(error) === null) {
      throw new OperatorError(
        `CLICKHOUSE_URL: cannot reach ClickHouse at ${store.where} (${messageOf(error) || said}). ` +
          'Is the server up, and is this its HTTP port (8123, with TLS 8443)?',
      );
    }
    throw new OperatorError(
      `ClickHouse at ${store.where} refused: ${said}. Check CLICKHOUSE_USERNAME and CLICKHOUSE_PASSWORD.`,
    );
  }
}

/** A name as an SQL identifier. */
export function identifier(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

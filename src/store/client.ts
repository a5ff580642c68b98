import { Agent } from 'node:https';
import { rootCertificates } from 'node:tls';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { AwayError, explainTls, messageOf, peerOf, type TlsMaterial, type TlsSettings, UsageError } from '../common';
import { codeOf, describeStoreError, isRefusedLogin } from './errors';

/**
 * The port of the store is the official client's own interface. The embedded engine plugs into it. The same rules hold
 * for server and engine:
 * - names are qualified (`identifier(database)`), because the engine ignores `database` and `session_id`;
 * - the writer puts its settings into its SQL, so one statement contains all that it depends on;
 * - `codeOf(error)` distinguishes errors, never `instanceof`.
 */
export interface Store {
  readonly client: ClickHouseClient;
  readonly database: string;
  /** The server's address without credentials, or the folder of the embedded engine. For messages. */
  readonly where: string;
  /** Explains a refused certificate. */
  readonly tls: TlsSettings;
  close(): Promise<void>;
}

/** The connection that the client takes instead of HTTP: that of the embedded engine. */
export type InjectedConnection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>;

export interface ServerOptions {
  /** `http://…` or `https://…` (TLS). It has a path if a proxy is in front of the server. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** For `https://…`; absent: the authorities of Node.js, and no client certificate. */
  readonly tls?: TlsMaterial;
  /** The time-out of one request, from sending to its answer. Default 120,000. */
  readonly requestTimeoutMs?: number;
}

export interface EmbeddedOptions {
  /** From `openEmbeddedClickHouse(…).connection()`. */
  readonly connection: InjectedConnection;
  readonly database: string;
  readonly where: string;
}

const REQUEST_TIMEOUT_MS = 120_000;

/** Connects lazily: it sends nothing before the first statement. See `checkStore`. */
export function connectStore(options: ServerOptions | EmbeddedOptions): Store {
  const client = 'connection' in options ? embeddedClient(options) : serverClient(options);
  return {
    client,
    database: options.database,
    where: 'connection' in options ? options.where : options.url,
    tls: {
      ...{ address: 'CLICKHOUSE_URL', ca: 'TLS_CA', pair: 'CLICKHOUSE_SSL' },
      hasCertificate: 'tls' in options && options.tls.cert !== undefined,
      peer: 'url' in options ? peerOf(options.url) : null,
    },
    close: () => client.close(),
  };
}

function embeddedClient({ connection }: EmbeddedOptions): ClickHouseClient {
  return createClient({ connection, log: { level: ClickHouseLogLevel.OFF } });
}

function serverClient(options: ServerOptions): ClickHouseClient {
  const { origin, pathname } = new URL(options.url);
  return createClient({
    // The client would take a path in the address for the database.
    url: origin,
    ...(pathname === '/' ? {} : { pathname }),
    username: options.username,
    password: options.password,
    request_timeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    application: 'queuefold',
    clickhouse_settings: {
      // Before 25.11 a server writes an error that comes while rows are read as one more row. The client would take it
      // for data.
      http_write_exception_in_output_format: 0,
      // A user's profile may have switched this on. The server then sends the status 200 before the statement has
      // succeeded.
      send_progress_in_http_headers: 0,
    },
    ...(options.tls === undefined ? {} : tlsOptions(options.tls, options.password)),
    // The client's log would print statements with their data. The caller gets the errors anyway.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/**
 * With a client certificate and no password, the certificate identifies the user (`IDENTIFIED WITH ssl_certificate`).
 * ClickHouse refuses both at once. So beside a password the certificate only opens the connection.
 */
function tlsOptions({ ca, cert, key }: TlsMaterial, password: string): Parameters<typeof createClient>[0] {
  const isMutual = cert !== undefined && key !== undefined;
  if (isMutual && password !== '') {
    return { http_agent: new Agent({ keepAlive: true, cert, key, ...(ca === undefined ? {} : { ca }) }) };
  }
  if (isMutual) {
    const authorities = Buffer.from(ca ?? rootCertificates.join('\n'));
    return { tls: { ca_cert: authorities, cert: Buffer.from(cert), key: Buffer.from(key) } };
  }
  return ca === undefined ? {} : { tls: { ca_cert: Buffer.from(ca) } };
}

/** A server that answers at all answers within this time. */
const CHECK_WITHIN_MS = 15_000;

/**
 * Asks for the version.
 * @throws AwayError if ClickHouse does not answer as it should, UsageError if a setting is wrong; both name the remedy
 */
export async function checkStore(store: Store): Promise<string> {
  try {
    const result = await store.client.query({
      query: 'SELECT version() AS version',
      format: 'JSONEachRow',
      abort_signal: AbortSignal.timeout(CHECK_WITHIN_MS),
    });
    const [row] = await result.json<{ version: string }>();
    return row?.version ?? '';
  } catch (error) {
    const said = describeStoreError(error);
    const tls = await explainTls(error, store.tls);
    if (tls !== null) {
      const Problem = tls.isConfiguration ? UsageError : AwayError;
      throw new Problem(`CLICKHOUSE_URL: cannot use ClickHouse at ${store.where}: ${tls.detail}. ${tls.remedy}`);
    }
    if (codeOf(error) === null) {
      throw new AwayError(
        `CLICKHOUSE_URL: cannot reach ClickHouse at ${store.where} (${messageOf(error) || said}). ` +
          'Is the server up, and is this its HTTP port (8123, with TLS 8443)?',
      );
    }
    if (!isRefusedLogin(error)) throw new AwayError(`ClickHouse at ${store.where} answers with an error: ${said}`);
    throw new UsageError(
      `ClickHouse at ${store.where} refuses the user: ${said}. Check CLICKHOUSE_USERNAME and CLICKHOUSE_PASSWORD.`,
    );
  }
}

/** Explains an error in the words of ClickHouse. For a refused certificate it adds what to do. */
export async function explainStoreError({ tls }: Pick<Store, 'tls'>, error: unknown): Promise<string> {
  const problem = await explainTls(error, tls);
  return problem === null ? describeStoreError(error) : `${problem.detail}. ${problem.remedy}`;
}

/** A name as an SQL identifier. */
export function identifier(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

import { Agent } from 'node:https';
import { rootCertificates } from 'node:tls';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { AwayError, explainTls, messageOf, peerOf, type TlsMaterial, type TlsSettings, UsageError } from '../common';
import { codeOf, describeStoreError, isRefusedLogin } from './errors';

/**
 * The store's port is the official client's own interface: the embedded engine plugs into it. What holds for both:
 * - names are qualified (`identifier(database)`): the embedded engine ignores `database` and `session_id`;
 * - settings of the writer stand in its SQL, so one statement says all that it depends on;
 * - errors are told apart by `codeOf(error)`, never by `instanceof`.
 */
export interface Store {
  readonly client: ClickHouseClient;
  readonly database: string;
  /** The server's address without credentials, or the folder of the embedded engine. For messages. */
  readonly where: string;
  /** To explain a refused certificate. */
  readonly tls: TlsSettings;
  close(): Promise<void>;
}

/** What the client takes instead of HTTP: the embedded engine's connection. */
export type InjectedConnection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>;

export interface ServerOptions {
  /** `http://…` or `https://…` (TLS), perhaps with a path, where a proxy is in front of the server. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** For `https://…`; absent: the authorities of Node, no client certificate. */
  readonly tls?: TlsMaterial;
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
    // Of one address the client would take a path for the database.
    url: origin,
    ...(pathname === '/' ? {} : { pathname }),
    username: options.username,
    password: options.password,
    request_timeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    application: 'queuefold',
    clickhouse_settings: {
      // Before 25.11 what fails while rows are read is otherwise written as one more row, which the client takes for one.
      http_write_exception_in_output_format: 0,
      // With it, the status 200 is sent before the statement has succeeded. A profile of the user may have switched it on.
      send_progress_in_http_headers: 0,
    },
    ...(options.tls === undefined ? {} : tlsOptions(options.tls, options.password)),
    // The log of the client would print statements with their data. Errors reach the caller anyway.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/**
 * With a client certificate and no password the certificate says who we are (`IDENTIFIED WITH ssl_certificate`);
 * ClickHouse refuses both at once, so beside a password it only opens the connection.
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

/** Longer than any server needs that answers at all. */
const CHECK_WITHIN_MS = 15_000;

/**
 * Asks for the version.
 * @throws AwayError when ClickHouse does not answer as it should, UsageError where a setting is wrong; both say what to look at
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

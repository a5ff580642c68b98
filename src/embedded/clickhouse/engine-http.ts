import { randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../common';
import { foreignRequest } from '../../ops';
import type { EmbeddedClickHouse } from './clickhouse';
import { HttpError, readBody } from './engine-http-body';
import { StatementError } from './statement';

export interface ServeOptions {
  /** 0: a free one. */
  readonly port: number;
  /** A loopback address; it serves no other. */
  readonly host: '127.0.0.1' | '::1';
  /** Whether it runs a request's statements, from its headers: `bearing(token)`. It answers `/ping` without a check. */
  readonly admits: (headers: IncomingHttpHeaders) => boolean;
  readonly readOnly: boolean;
  /** How long a read-only statement may run; absent: 30 s. */
  readonly readSeconds?: number;
  /** For requests that name none, or `default`, which nobody uses. */
  readonly database: string;
}

export interface ClickHouseHttp {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Parameters of the request itself; all others are settings. */
const NO_SETTINGS = new Set([
  ...['query', 'database', 'default_format', 'query_id', 'role', 'user', 'password', 'quota_key'],
  ...['session_id', 'session_timeout', 'session_check', 'compress', 'decompress', 'stacktrace', 'close_session'],
  // Settings of a server's HTTP handler: the embedded engine does not know them, and everything is buffered here
  // anyway.
  ...['wait_end_of_query', 'buffer_size', 'enable_http_compression', 'http_zlib_compression_level'],
  ...['send_progress_in_http_headers', 'http_headers_progress_interval_ms', 'http_response_buffer_size'],
  ...['add_http_cors_header', 'http_native_compression_disable_checksumming_on_decompress'],
]);

/** ClickHouse's HTTP interface in front of the embedded engine, for the official client, curl and BI tools. */
export async function serveClickHouseHttp(engine: EmbeddedClickHouse, options: ServeOptions): Promise<ClickHouseHttp> {
  const server = createServer((request, response) => {
    answer(engine, options, request, response).catch((error: unknown) => fail(request, response, error));
  });
  server.keepAliveTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  engine: EmbeddedClickHouse,
  options: ServeOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const foreign = foreignRequest(options.host, request);
  if (foreign !== null) throw new HttpError(foreign.status, foreign.message);
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname === '/ping' || (url.pathname === '/' && url.search === '' && request.method === 'GET')) {
    response.setHeader('Content-Type', 'text/plain; charset=UTF-8').end('Ok.\n');
    return;
  }
  if (!options.admits(request.headers)) {
    throw new HttpError(401, `Code: 516. DB::Exception: ${WITHOUT_TOKEN} (AUTHENTICATION_FAILED)`, 516);
  }
  if (url.pathname !== '/') throw new HttpError(404, `${url.pathname} does not exist here. Use / or /ping.`);
  if (request.method !== 'GET' && request.method !== 'POST') throw new HttpError(405, 'Use GET or POST.');

  const body = request.method === 'POST' ? await readBody(request) : '';
  const parameters = [...url.searchParams];
  const named = (name: string) => url.searchParams.get(name) ?? undefined;
  const sql = [named('query') ?? '', body].filter((part) => part !== '').join('\n');
  if (sql.trim() === '') throw new HttpError(400, 'Code: 62. DB::Exception: Empty query. (SYNTAX_ERROR)', 62);

  const result = await engine.run({
    sql,
    format: named('default_format') ?? 'TabSeparated',
    database: databaseOf(named('database'), options.database),
    params: Object.fromEntries(
      parameters.filter(([name]) => name.startsWith('param_')).map(([name, value]) => [name.slice(6), value]),
    ),
    settings: Object.fromEntries(parameters.filter(([name]) => !NO_SETTINGS.has(name) && !name.startsWith('param_'))),
    // As in a server: a GET request changes nothing.
    readOnly: options.readOnly || request.method === 'GET',
    readSeconds: options.readSeconds,
  });
  const summary = {
    read_rows: String(result.rowsRead),
    read_bytes: String(result.bytesRead),
    elapsed_ns: String(Math.round(result.elapsedSeconds * 1e9)),
  };
  response
    .setHeader('Content-Type', 'text/plain; charset=UTF-8')
    .setHeader('X-ClickHouse-Query-Id', named('query_id') ?? randomUUID())
    .setHeader('X-ClickHouse-Summary', JSON.stringify(summary))
    .end(result.bytes);
}

/** Clients send `default` if their user has named no database. */
function databaseOf(named: string | undefined, usual: string): string {
  return named === undefined || named === '' || named === 'default' ? usual : named;
}

const WITHOUT_TOKEN =
  'The token of this start is missing or wrong. It is in the file sql-token of the data directory. Send it as ' +
  '"Authorization: Bearer …", as "X-ClickHouse-Key: …" or as the password of any user.';

/** The codes that users meet, from ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp. */
function statusOf(code: number): number {
  if ([46, 47, 50, 56, 60, 63, 73, 81, 107, 115].includes(code)) return 404;
  if ([6, 25, 26, 27, 32, 33, 36, 38, 41, 42, 43, 44, 53, 62, 69, 70, 72, 117, 130, 420, 456, 457].includes(code))
    return 400;
  if (code === 497) return 403;
  if (code === 202) return 503;
  if (code === 48) return 501;
  return 500;
}

function fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const code = error instanceof StatementError || error instanceof HttpError ? error.code : 0;
  response.statusCode = error instanceof HttpError ? error.status : statusOf(code);
  if (code > 0) response.setHeader('X-ClickHouse-Exception-Code', code);
  if (response.statusCode === 401) response.setHeader('WWW-Authenticate', 'Basic realm="queuefold SQL"');
  // Otherwise the unread rest of the body would be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8').end(`${messageOf(error).trimEnd()}\n`);
}

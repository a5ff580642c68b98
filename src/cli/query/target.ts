import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, OperatorError, UsageError } from '../../common/errors';
import { fetchWith, type Fetch } from '../../common/fetch';
import { explainTls } from '../../common/tls';
import { isSet, type Config } from '../../config';
import { openEmbeddedClickHouse } from '../../embedded/clickhouse';
import { tlsMaterial } from '../../roles/connect';
import { findRunningClickHouse } from '../running-clickhouse';

export interface SqlRequest {
  readonly sql: string;
  /** Where the statement names none. */
  readonly format: string;
  /** Values of `{name:Type}`. */
  readonly params: Readonly<Record<string, string>>;
  /** `write` leaves it to the user's rights. */
  readonly access: 'read' | 'write';
}

/** The ClickHouse in use. */
export interface SqlTarget {
  /** The answer as ClickHouse formats it. Throws SqlError with ClickHouse's words. */
  run(request: SqlRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  close(): Promise<void>;
}

/** What ClickHouse says, to be printed as it is. */
export class SqlError extends Error {}

/** `CLICKHOUSE_URL`, else the embedded one of a running `start`, else the data directory when nobody has it open. */
export async function openTarget(config: Config): Promise<SqlTarget> {
  const { url, username, password, database, tls } = config.clickhouse;
  if (url !== undefined) {
    const headers = { 'X-ClickHouse-User': username, 'X-ClickHouse-Key': password?.reveal() ?? '' };
    const hasCertificate = tls.cert !== undefined;
    const ask = fetchWith(url.startsWith('https:') ? tlsMaterial(tls) : null);
    return overHttp({ name: 'CLICKHOUSE_URL', url, headers, database, ask, hasCertificate });
  }
  // A running one has its tables where its own settings say; it uses them for who names no database.
  const chosen = isSet(config, 'CLICKHOUSE_DATABASE') ? database : null;
  const running = await findRunningClickHouse(config.dataDir);
  if (running !== null) {
    return overHttp({
      name: `process ${running.pid}`,
      url: running.url,
      headers: {},
      database: chosen,
      ask: fetchWith(null),
      hasCertificate: false,
    });
  }
  if (!existsSync(join(config.dataDir, 'clickhouse'))) {
    throw new OperatorError(
      `DATA_DIR ${config.dataDir}: no ClickHouse runs here and none has left tables. ` +
        'Start one (queuefold start), or set CLICKHOUSE_URL, or name the folder of another start in DATA_DIR.',
    );
  }
  return fromFiles(config.dataDir, chosen, database);
}

interface HttpOptions {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly database: string | null;
  readonly ask: Fetch;
  readonly hasCertificate: boolean;
}

function overHttp({ name, url, headers, database, ask, hasCertificate }: HttpOptions): SqlTarget {
  return {
    run: async ({ sql, format, params, access }, signal) => {
      const address = new URL(url);
      const query = address.searchParams;
      query.set('default_format', format);
      if (database !== null) query.set('database', database);
      if (access === 'read') query.set('readonly', '1');
      for (const [key, value] of Object.entries(params)) query.set(`param_${key}`, value);
      const response = await ask(address, { method: 'POST', body: sql, headers, signal }).catch((error: unknown) => {
        if (signal.aborted) throw error;
        const tls = explainTls(error, { address: name, prefix: 'CLICKHOUSE', hasCertificate });
        if (tls !== null) throw new UsageError(`${name}: ${address.origin}: ${tls.detail}. ${tls.remedy}`);
        throw new OperatorError(`${name}: cannot reach ClickHouse at ${address.origin} (${causeOf(error)}).`);
      });
      if (!response.ok) throw new SqlError((await response.text()).trimEnd());
      return response.body ?? empty();
    },
    close: () => Promise.resolve(),
  };
}

async function fromFiles(dataDir: string, chosen: string | null, fallback: string): Promise<SqlTarget> {
  const engine = await openEmbeddedClickHouse({ dataDir });
  const run = async ({ sql, format, params, access }: SqlRequest, database: string): Promise<Uint8Array> => {
    try {
      return (await engine.run({ sql, format, params, database, settings: {}, readOnly: access === 'read' })).bytes;
    } catch (error) {
      throw new SqlError(messageOf(error).trimEnd());
    }
  };
  const found = await run(
    {
      sql: "SELECT database FROM system.tables WHERE name = 'queue_conversation' ORDER BY database",
      ...{ format: 'TSVRaw', params: {}, access: 'read' },
    },
    'default',
  );
  const databases = Buffer.from(found).toString().split('\n').filter(Boolean);
  const usual = databases.includes(fallback) ? fallback : (databases[0] ?? 'default');
  return {
    run: async (request) => once(await run(request, chosen ?? usual)),
    close: () => engine.close(),
  };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield await Promise.resolve(bytes);
}

async function* empty(): AsyncIterable<Uint8Array> {
  await Promise.resolve();
}

/** fetch hides the network's error behind "fetch failed". */
function causeOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
}

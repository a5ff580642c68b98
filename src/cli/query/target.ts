import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fetchWith, messageOf, OperatorError } from '../../common';
import { type Config, isSet } from '../../config';
import { findRunningClickHouse, openEmbeddedClickHouse } from '../../embedded';
import { tlsMaterial } from '../../wiring';
import { serverTarget } from './server';
import { SqlError, type SqlRequest, type SqlTarget } from './sql';

/**
 * `CLICKHOUSE_URL`, else the embedded ClickHouse of a running `start`, else the data directory if nobody has it open.
 */
export async function openTarget(config: Config): Promise<SqlTarget> {
  const { url, username, password, database, tls } = config.clickhouse;
  if (url !== undefined) {
    return serverTarget({
      name: 'CLICKHOUSE_URL',
      url,
      database,
      ask: fetchWith(url.startsWith('https:') ? tlsMaterial(tls) : null),
      user: { name: username, password: password?.reveal() ?? '', hasCertificate: tls.cert !== undefined },
    });
  }
  // A running `start` has its tables where its own settings say. It uses them for clients that name no database.
  const chosen = isSet(config, 'CLICKHOUSE_DATABASE') ? database : null;
  const running = await findRunningClickHouse(config.dataDir);
  if (running !== null) {
    return serverTarget({
      name: `process ${running.pid}`,
      url: running.url,
      database: chosen,
      ask: fetchWith(null),
      user: { token: running.token },
    });
  }
  if (!existsSync(join(config.dataDir, 'clickhouse'))) {
    throw new OperatorError(
      `DATA_DIR ${config.dataDir}: no ClickHouse runs in this folder, and it has no tables. ` +
        'Start one (`queuefold start`), or set CLICKHOUSE_URL, or name the folder of another `queuefold start` in DATA_DIR.',
    );
  }
  return fromFiles(config.dataDir, chosen, database);
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

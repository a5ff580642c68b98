import { openEmbeddedClickHouse, serveClickHouseHttp } from '../../src/embedded';
import { heard, report } from './child';

export interface EngineProcessArgs {
  readonly folder: string;
}

export interface EngineReports {
  readonly ready: { readonly url: string };
}

/** ClickHouse in a process of its own, like a server. */
async function main({ folder }: EngineProcessArgs): Promise<void> {
  const ending = heard('end');
  const engine = await openEmbeddedClickHouse({ dataDir: folder });
  const http = await serveClickHouseHttp(engine, {
    ...{ port: 0, host: '127.0.0.1', readOnly: false, database: 'default' },
    admits: () => true,
  });
  report('ready', { url: http.url });
  await ending;
  await http.close();
  await engine.close();
  process.exit(0);
}

void main(JSON.parse(process.argv[2] ?? '{}') as EngineProcessArgs);

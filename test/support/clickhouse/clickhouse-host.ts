import { join } from 'node:path';
import { Session } from 'chdb';
import { messageOf } from '../../../src/common';
import { openEmbeddedClickHouse, serveClickHouseHttp } from '../../../src/embedded';

/**
 * A separate process with the embedded engine behind HTTP. It prints its address on stdout, and ends when its stdin
 * does.
 */
async function main([dataDir = '', mode = '', port = '0', configFile = '']: readonly string[]): Promise<void> {
  // The first connection of a process decides the configuration; the engine's own connections join it.
  const first =
    configFile === ''
      ? null
      : new Session(join(dataDir, 'clickhouse'), { connectionArgs: [`--config-file=${configFile}`] });
  const engine = await openEmbeddedClickHouse({ dataDir });
  const http = await serveClickHouseHttp(engine, {
    port: Number(port),
    host: '127.0.0.1',
    admits: () => true,
    readOnly: mode === 'read-only',
    database: 'default',
  });
  process.stdout.write(`${JSON.stringify({ url: http.url })}\n`);
  process.stdin.resume().on('end', () => {
    void http
      .close()
      .then(() => engine.close())
      .then(() => first?.close())
      .then(() => process.exit(0));
  });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stdout.write(`${JSON.stringify({ error: messageOf(error) })}\n`);
  process.exitCode = 1;
});

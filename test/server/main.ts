import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/common';
import { clickHouseProcess } from '../support/clickhouse/clickhouse-process';
import { namedServer, type ServerAddress } from '../support/clickhouse/clickhouse-server';
import { admitting, startHttpFront } from '../support/network/http-front';

/**
 * jest, with its arguments, whose store tests find a server in `CLICKHOUSE_URL`. Where none is named, the embedded
 * engine stands in: a process of its own behind HTTP, which lets nobody in without the user and the password.
 */
async function main(args: readonly string[]): Promise<void> {
  const standIn = namedServer() === null ? await startStandIn() : null;
  const env =
    standIn === null
      ? process.env
      : {
          ...process.env,
          CLICKHOUSE_URL: standIn.url,
          CLICKHOUSE_USERNAME: standIn.username,
          CLICKHOUSE_PASSWORD: standIn.password,
        };
  const jest = join(packageRoot(), 'node_modules', 'jest', 'bin', 'jest.js');
  const child = spawn(process.execPath, [jest, ...args], { cwd: packageRoot(), env, stdio: 'inherit' });
  // A terminal's signals reach jest by themselves; this process waits for its end.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  await standIn?.stop();
  process.exitCode = code ?? 1;
}

async function startStandIn(): Promise<ServerAddress & { stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-server-'));
  const engine = await clickHouseProcess(folder);
  const [username, password] = ['queuefold-tests', randomBytes(8).toString('hex')];
  const front = await startHttpFront({ target: engine.url, admits: admitting(username, password) });
  return {
    url: front.url,
    username,
    password,
    stop: async () => {
      await front.stop();
      await engine.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from '@jest/globals';

const BIN = join(__dirname, '..', '..', '..', 'bin', 'queuefold.js');

function simulate(...flags: readonly string[]) {
  const child = spawn(process.execPath, [BIN, 'simulate', ...flags], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  return { child, ended };
}

/** The settings that it prints, as many as a client needs. */
async function settingsOf(stdout: NodeJS.ReadableStream): Promise<ReadonlyMap<string, string>> {
  const settings = new Map<string, string>();
  for await (const line of createInterface({ input: stdout })) {
    const [key = '', value = ''] = line.split('=', 2);
    settings.set(key, value);
    if (settings.size === 4) break;
  }
  return settings;
}

test('prints the settings of a client that can log in, and a signal is its regular end', async () => {
  const { child, ended } = simulate('--sim-port', '0', '--queues', '3');
  const settings = await settingsOf(child.stdout);
  const credentials = [settings.get('GENESYS_CLIENT_ID'), settings.get('GENESYS_CLIENT_SECRET')].join(':');
  const answer = await fetch(`${settings.get('GENESYS_LOGIN_URL') ?? ''}/oauth/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials',
  });
  expect(answer.status).toBe(200);
  child.kill('SIGTERM');
  const { code, stderr } = await ended;
  expect(code).toBe(0);
  expect(stderr).toContain('3 queues');
});

test('a taken port is named with its flag', async () => {
  const first = simulate('--sim-port', '0');
  const url = new URL((await settingsOf(first.child.stdout)).get('GENESYS_API_URL') ?? '');
  const second = await simulate('--sim-port', url.port).ended;
  first.child.kill('SIGTERM');
  await first.ended;
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(new RegExp(`^queuefold: --sim-port: port ${url.port} is taken `));
});

test('a flag that is wrong is named as it was written', async () => {
  const { code, stderr } = await simulate('--rate', 'fast').ended;
  expect(code).toBe(2);
  expect(stderr).toMatch(/^queuefold: --rate: "fast" is not a number/);
});

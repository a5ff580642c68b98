import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Finding } from '../../../src/common';
import { type Simulator, startSimulator } from '../../../src/simulator';
import { startConnectProxy, type ConnectProxy } from '../../support/network/connect-proxy';
import {
  servicesForProcesses,
  type Environment,
  type ServicesForProcesses,
} from '../../support/processes/pipeline-processes';

const BIN = join(__dirname, '..', '..', '..', 'bin', 'queuefold.js');
const SECRETS = {
  GENESYS_CLIENT_SECRET: 'marked-genesys-secret',
  SCHEMA_REGISTRY_PASSWORD: 'marked-registry-secret',
  PROXY_PASSWORD: 'marked-proxy-secret',
};

let services: ServicesForProcesses;
let simulator: Simulator;
let proxy: ConnectProxy;
let all: Environment = {};

async function queuefold(args: readonly string[], env: Environment) {
  const child = spawn(process.execPath, [BIN, ...args], { env: { PATH: process.env['PATH'], ...env }, stdio: 'pipe' });
  child.stdin.end();
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  for (const secret of Object.values(SECRETS)) expect(`${stdout}${stderr}`).not.toContain(secret);
  return { code, stdout, stderr };
}

beforeAll(async () => {
  services = await servicesForProcesses();
  simulator = await startSimulator({ seed: 1, clientSecret: SECRETS.GENESYS_CLIENT_SECRET, startPaused: true });
  proxy = await startConnectProxy({ credentials: `me:${SECRETS.PROXY_PASSWORD}` });
  all = {
    ...services.env,
    GENESYS_LOGIN_URL: simulator.loginUrl,
    GENESYS_API_URL: simulator.apiUrl,
    GENESYS_CLIENT_ID: simulator.clientId,
    GENESYS_CLIENT_SECRET: SECRETS.GENESYS_CLIENT_SECRET,
    TOPIC_PREFIX: `doctor-${process.pid}`,
    HTTP_PROXY: `http://me:${SECRETS.PROXY_PASSWORD}@127.0.0.1:${proxy.port}`,
  };
});
afterAll(async () => {
  await proxy.stop();
  await simulator.stop();
  await services.dispose();
});

describe('queuefold doctor', () => {
  test('says before setup what setup is for, and ends with 1', async () => {
    const { code, stdout, stderr } = await queuefold(['doctor'], all);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/^failed {3}kafka topic \S+ +does not exist → Run `queuefold setup`\.$/m);
    expect(stdout).toMatch(/^failed {3}registry subject \S+ +has no schema yet → Run `queuefold setup`\.$/m);
    expect(stdout).toMatch(/^failed {3}clickhouse migrations +not applied to /m);
  });

  test('finds everything ok after setup, through a proxy, and ends with 0', async () => {
    expect((await queuefold(['setup'], all)).code).toBe(0);
    const { code, stdout, stderr } = await queuefold(['doctor'], all);
    expect(stdout.split('\n').filter((line) => line !== '' && !/^ok {7}\S/.test(line))).toEqual([]);
    expect([code, stderr]).toEqual([0, '']);
    for (const name of ['configuration', 'genesys websocket', 'kafka transactions', 'registry', 'clickhouse grants']) {
      expect(stdout).toContain(` ${name} `);
    }
    expect(stdout).toContain(`through http://127.0.0.1:${proxy.port} (HTTP_PROXY)`);
    expect(proxy.asked.length).toBeGreaterThan(0);
  });

  test('--json is one document with the same', async () => {
    const env = { ...all, GENESYS_CLIENT_ID: 'someone', SCHEMA_REGISTRY_URL: 'http://127.0.0.1:2', KAFKA_BROKER: 'x' };
    const { code, stdout } = await queuefold(['doctor', '--json'], {
      ...env,
      SCHEMA_REGISTRY_USERNAME: 'me',
      SCHEMA_REGISTRY_PASSWORD: SECRETS.SCHEMA_REGISTRY_PASSWORD,
    });
    expect(code).toBe(1);
    const document = JSON.parse(stdout) as { outcome: string; checks: Finding[] };
    expect(document.outcome).toBe('failed');
    const notOk = document.checks.filter(({ outcome }) => outcome === 'failed' || outcome === 'warning');
    expect(notOk.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['configuration', 'warning'],
      ['genesys token', 'failed'],
      ['registry', 'failed'],
    ]);
  });

  test('looks only at what is configured, and that is no failure', async () => {
    const { code, stdout } = await queuefold(['doctor'], { HTTP_PORT: '0' });
    expect(code).toBe(0);
    for (const [name, setting] of Object.entries({
      genesys: 'GENESYS_CLIENT_ID',
      kafka: 'KAFKA_BROKERS',
      registry: 'SCHEMA_REGISTRY_URL',
      clickhouse: 'CLICKHOUSE_URL',
    })) {
      expect(stdout).toMatch(new RegExp(`^skipped {2}${name} +not configured \\(${setting} is not set\\)$`, 'm'));
    }
  });

  test.each([
    [{ PARTITIONS: 'many' }, 'PARTITIONS: "many"'],
    [{ GENESYS_CLIENT_ID: 'me', GENESYS_CLIENT_SECRET: 'secret' }, 'GENESYS_REGION'],
    [{ HTTPS_PROXY: `ftp://me:${SECRETS.PROXY_PASSWORD}@proxy:21` }, 'HTTPS_PROXY: "…@proxy:21" is not the address'],
  ])('%j is a wrong configuration: 2', async (env, said) => {
    const { code, stdout, stderr } = await queuefold(['doctor'], env);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(said);
  });
});

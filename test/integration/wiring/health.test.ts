import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { startBridgeRole } from '../../../src/bridge';
import { messageOf } from '../../../src/common';
import { loadConfig } from '../../../src/config';
import { startFoldRole } from '../../../src/fold';
import { createLocalSchemas, createMemoryCluster, type Log, topicNames } from '../../../src/log';
import { checkHealth, type CheckResult, createMetrics, livenessOf } from '../../../src/ops';
import { startSinkRole } from '../../../src/sink';
import type { Store } from '../../../src/store';
import { logAnswers } from '../../../src/wiring/reach';
import type { RunningRole } from '../../../src/wiring/role';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { runTypeScript } from '../../support/processes/run-typescript';
import { until } from '../../support/processes/until';

/** Each part of a role's health, by breaking what it stands for. */
const SOON_MS = 120_000;
const CHECK_MS = 300;

let tests: TestStore;
const disposers: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  tests = await storeForTests();
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
  await tests.close();
});

type Fault = 'none' | 'refuses' | 'hangs';

/** What it is given answers, refuses or hangs, as it is told. */
function breakable() {
  let fault: Fault = 'none';
  const through =
    <A extends unknown[], T>(call: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> => {
      if (fault === 'refuses') return Promise.reject(new Error('connect ECONNREFUSED'));
      return fault === 'hangs' ? new Promise(() => undefined) : call(...args);
    };
  return { set: (next: Fault) => void (fault = next), through };
}

async function roles() {
  const kafka = breakable();
  const clickhouse = breakable();
  const config = loadConfig({ env: { EVENTS_SECRET: 'the secret of this test' } });
  const logger = pino({ level: 'silent' });
  const metrics = createMetrics();
  const memory = createMemoryCluster({ partitions: 2 }).connect({ metrics });
  const log: Log = { ...memory, endOffsets: kafka.through(memory.endOffsets) };
  const { client } = tests.store;
  const query = clickhouse.through((...args: Parameters<typeof client.query>) => client.query(...args));
  const store: Store = { ...tests.store, client: Object.create(client, { query: { value: query } }) as typeof client };
  const parts = { config, logger, metrics, log, schemas: createLocalSchemas(), topics: topicNames('health') };
  const started = {
    bridge: await startBridgeRole({ ...parts, genesys: null }),
    fold: await startFoldRole(parts),
    sink: await startSinkRole({ ...parts, store }, { names: 'left-out' }),
  };
  disposers.push(() => log.close(), ...Object.values(started).map((role) => () => role.stop()));
  return { ...started, kafka, clickhouse };
}

const ready = (role: RunningRole) => checkHealth(role.ready, CHECK_MS);
const isReady = async (role: RunningRole): Promise<boolean> => (await ready(role)).ok;

async function failure(role: RunningRole, check: string): Promise<CheckResult | undefined> {
  await until(`${role.name} is not ready`, SOON_MS, async () => !(await isReady(role)));
  return (await ready(role)).checks[check];
}

describe('ready', () => {
  test.each(['bridge', 'fold', 'sink'] as const)(
    'a %s is not while Kafka refuses or hangs, and is again after it',
    async (name) => {
      const { kafka, ...all } = await roles();
      const role = all[name];
      await until(`${name} is ready`, SOON_MS, () => isReady(role));
      kafka.set('refuses');
      expect(await failure(role, 'kafka')).toEqual({ ok: false, detail: 'connect ECONNREFUSED' });
      kafka.set('none');
      await until(`${name} is ready again`, SOON_MS, () => isReady(role));
      kafka.set('hangs');
      expect(await failure(role, 'kafka')).toEqual({ ok: false, detail: `no answer within ${CHECK_MS} ms` });
    },
  );

  test('the last failure of a dependency is repeated while its next answer takes long', async () => {
    let ask = (): Promise<ReadonlyMap<number, number>> => Promise.reject(new Error('its certificate has expired'));
    const answers = logAnswers({ endOffsets: () => ask(), explain: (error) => Promise.resolve(messageOf(error)) }, 't');
    const said = { ok: false, detail: 'its certificate has expired' };
    expect(await answers()).toEqual(said);
    let answer = (): void => undefined;
    ask = () => new Promise((resolve) => (answer = () => resolve(new Map())));
    expect(await answers()).toEqual(said);
    answer();
    await until('it to answer', SOON_MS, async () => (await answers()).ok);
  });

  test('a sink is not while ClickHouse refuses, although it has nothing to store', async () => {
    const { sink, clickhouse } = await roles();
    await until('the sink is ready', SOON_MS, () => isReady(sink));
    clickhouse.set('refuses');
    expect(await failure(sink, 'clickhouse')).toEqual({ ok: false, detail: 'connect ECONNREFUSED' });
    clickhouse.set('none');
    await until('the sink is ready again', SOON_MS, () => isReady(sink));
  });

  test('a fold and a sink that have left their groups are not', async () => {
    const { fold, sink } = await roles();
    for (const role of [fold, sink]) {
      await until(`${role.name} is ready`, SOON_MS, () => isReady(role));
      await role.stop();
      expect(await isReady(role)).toBe(false);
    }
  });
});

describe('live', () => {
  test('a role is live, whatever is down, until it has ended', async () => {
    const { fold, kafka } = await roles();
    const live = livenessOf(fold);
    kafka.set('refuses');
    expect(live()).toEqual({ ok: true });
    await fold.stop();
    await fold.done;
    expect(live().ok).toBe(false);
  });

  test('it does not answer while the event loop does not turn', async () => {
    const {
      process: child,
      firstLine,
      exited,
    } = runTypeScript(join(__dirname, '..', '..', 'support', 'processes', 'blocked-process.ts'), []);
    try {
      const url = await firstLine;
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
      await fetch(`${url}/block`, { method: 'POST' });
      const probe = () => fetch(`${url}/health/live`, { signal: AbortSignal.timeout(1_000) });
      await until('it no longer answers', SOON_MS, () =>
        probe().then(
          () => false,
          () => true,
        ),
      );
      await expect(probe()).rejects.toThrow(/timeout/i);
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
  });
});

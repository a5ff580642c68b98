import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RunningSink } from '../../../src/sink/sink';
import { migrate, type Store } from '../../../src/store';
import { serverForTests, type TestServer } from '../../support/clickhouse/clickhouse-server';
import { aStateTopic, startTestSink, STATE_TOPIC, until } from '../../support/clickhouse/sink';
import type { TestStore } from '../../support/clickhouse/store';
import { readAll } from '../../support/log/read-all';
import { FAULTS, startFaultyProxy, type Fault, type FaultyProxy } from '../../support/network/faulty-proxy';
import { createRandom } from '../../support/processes/random';

/** `STORE_FAULTS=500 STORE_SEED=7` for more of them. */
const FAULTS_WANTED = Number(process.env['STORE_FAULTS'] ?? 60);
const SEED = Number(process.env['STORE_SEED'] ?? 1);
const FAULT_EVERY = 5;
const PARTITIONS = 4;
/** Short, so that tombstones are cleaned up while faults go on; longer than any fault lasts, twice. */
const CLEANUP = { intervalMs: 300, graceMs: 16_000 };
/** A busy machine must answer within it where there is no fault, and twice it fits into half of the grace. */
const REQUEST_TIMEOUT_MS = 2_000;
/** Often, so that a sink that ends goes on near its end when it begins again. */
const NOTING = { everyMs: 500, confirmMs: 120_000 };

let server: TestServer;
let database: string;
let proxy: FaultyProxy;
let direct: Store;
let faulty: Store;

beforeAll(async () => {
  server = await serverForTests();
  database = server.newDatabase();
  proxy = await startFaultyProxy(server.url);
  direct = server.connect(database);
  faulty = server.connect(database, proxy.url, REQUEST_TIMEOUT_MS);
  await migrate(direct.client, { database, dryRun: false });
});
afterAll(async () => {
  await Promise.all([direct.close(), faulty.close()]);
  await proxy.close();
  await server.dispose();
});

async function rowsOf<T>(query: string): Promise<T[]> {
  const ask = async () => (await direct.client.query({ query, format: 'JSONEachRow' })).json<T>();
  // A connection that was kept alive may be closed as it is used: a server that is gone fails twice.
  return ask().catch(ask);
}
const liveVersions = async () =>
  new Map(
    (
      await rowsOf<{ id: string; version: string }>(
        `SELECT conversation_id AS id, toString(_version) AS version FROM ${database}.queue_conversation_state FINAL`,
      )
    ).map(({ id, version }) => [id, Number(version)]),
  );

test('whatever happens to requests, no row is lost, doubled or stale, and no ended conversation shows again', async () => {
  /** The same faults with the same seed, as far as the order of requests allows. */
  const random = createRandom(SEED);
  const topic = aStateTopic(PARTITIONS);
  const log = topic.cluster.connect();
  const live: string[] = [];
  let produced = 0;
  let ended = 0;

  const produce = async () => {
    const changes: [string, string | null][] = [];
    for (let i = 0; i < 50; i++) {
      const at = random.below(Math.max(1, live.length));
      const known = live[at];
      if (known === undefined || live.length < 100) live.push(`c${produced + i}`);
      const key = known ?? live.at(-1) ?? '';
      const isEnd = known !== undefined && random.below(10) < 3;
      if (isEnd) {
        live.splice(at, 1);
        ended += 1;
      }
      changes.push([key, isEnd ? null : String(produced + i)]);
    }
    produced += changes.length;
    await topic.put(...changes);
  };

  // Two sinks; one that ends is started again, as an orchestrator would.
  const sinks: (RunningSink | null)[] = [null, null];
  let isOver = false;
  let starts = 0;
  const supervise = async (slot: number): Promise<void> => {
    while (!isOver) {
      starts += 1;
      const client = topic.cluster.connect();
      const { sink } = await startTestSink({ store: faulty } as TestStore, client, {
        cleanup: CLEANUP,
        noting: NOTING,
        stopTimeoutMs: 1,
        onInvalid: (record, reason) => Promise.reject(new Error(`${reason} at ${record.partition}/${record.offset}`)),
      });
      sinks[slot] = sink;
      await sink.done.catch(() => undefined);
      await sink.stop();
      await client.close();
    }
  };
  const supervised = [supervise(0), supervise(1)];

  // A reader that never stops looking.
  const lastSeen = new Map<string, number>();
  const gone = new Set<string>();
  const wrong: string[] = [];
  let looks = 0;
  const look = async (): Promise<void> => {
    while (!isOver) {
      const now = await liveVersions();
      looks += 1;
      for (const [id, version] of now) {
        if (gone.has(id)) wrong.push(`${id} came back`);
        if (version < (lastSeen.get(id) ?? 0)) wrong.push(`${id} went back to ${version}`);
        lastSeen.set(id, version);
      }
      for (const id of lastSeen.keys()) if (!now.has(id)) gone.add(id);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const looking = look();

  /** The compacted topic against the table, when all is stored. */
  const quiet = async (): Promise<void> => {
    const ends = await log.endOffsets(STATE_TOPIC);
    await until(
      () => sinks.map((sink) => sink?.stored() ?? new Map<number, number>()),
      (stored) => [...ends].every(([partition, end]) => stored.some((one) => (one.get(partition) ?? 0) >= end)),
    );
    const expected = new Map<string, number>();
    for (const { key, value, offset } of await readAll(log, STATE_TOPIC)) {
      if (value === null) expected.delete(String(key));
      else expected.set(String(key), offset);
    }
    // First whether anything is lost, then whether something lives again.
    const [history] = await rowsOf<{ n: string }>(
      `SELECT count() AS n FROM ${database}.queue_conversation_history FINAL`,
    );
    expect(Number(history?.n)).toBe(produced);
    expect(Object.fromEntries(await liveVersions())).toEqual(Object.fromEntries(expected));
  };

  const total = () => [...proxy.injected.values()].reduce((sum, count) => sum + count, 0);
  const pick = (): Fault | null => {
    return random.below(FAULT_EVERY) > 0 ? null : (FAULTS[random.below(FAULTS.length)] ?? null);
  };
  let quietMoments = 0;
  while (total() < FAULTS_WANTED) {
    proxy.setFaults(pick);
    const target = Math.min(FAULTS_WANTED, total() + 20);
    while (total() < target) {
      await produce();
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    // One of the two goes without a word, with what it had not stored.
    if (quietMoments % 2 === 0) void sinks[1]?.stop();
    proxy.setFaults(() => null);
    await quiet();
    quietMoments += 1;
  }
  expect(wrong).toEqual([]);

  isOver = true;
  await looking;
  for (const sink of sinks) await sink?.stop();
  await Promise.all(supervised);
  const report = {
    seed: SEED,
    faults: Object.fromEntries(proxy.injected),
    produced,
    ended,
    starts,
    looks,
    quietMoments,
  };
  process.stderr.write(`${JSON.stringify(report)}\n`);
  expect(ended).toBeGreaterThan(0);
  expect(gone.size).toBeGreaterThan(0);
}, 1_200_000);

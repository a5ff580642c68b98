import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { pino } from 'pino';
import { createDeferred } from '../../../src/common';
import type { LogRecord } from '../../../src/log';
import { createRuntimeMetrics } from '../../../src/log/runtime/runtime-metrics';
import { type StandbyCopy, UnusableCopy } from '../../../src/log/runtime/standby';
import { Standbys } from '../../../src/log/runtime/standbys';
import { createMetrics } from '../../../src/ops';
import { createKeptTask, FAILING, ModelChangelog, MODEL_TOPOLOGY, RETENTION_MS } from './model-changelog';

const HOUR_MS = 3_600_000;
const never = (): boolean => false;

/** A member that keeps a copy of the one partition of a changelog which somebody else writes. */
function createScene() {
  const changelog = new ModelChangelog();
  const { backend } = changelog;
  const metrics = createMetrics();
  const standbys = new Standbys({
    ...{ backend, topology: MODEL_TOPOLOGY, createTask: createKeptTask },
    ...{ metrics: createRuntimeMetrics(metrics, 'g'), logger: pino({ enabled: false }) },
  });
  return {
    changelog,
    standbys,
    /** The partitions whose copies tell a lag. */
    lags: async () => (await metrics.standbyLag.get()).values.map(({ labels, value }) => [labels.partition, value]),
    follow: async () => {
      standbys.follow([0]);
      await jest.advanceTimersByTimeAsync(1_000);
    },
    /** As the runner does behind its fence. Answers what the task knows and how many records it read; null: in full. */
    async takeOver() {
      const copy = standbys.give(0);
      if (copy === null) return null;
      const records = await copy.takeOver({ backend, topology: MODEL_TOPOLOGY, partition: 0 }, changelog, never);
      return { known: knownTo(copy), records };
    },
    close: () => standbys.stop(),
  };
}

function aRecord(key: string): LogRecord {
  return {
    ...{ topic: 'changelog', partition: 0, offset: 0, timestamp: 0, headers: {} },
    key: Buffer.from(key),
    value: null,
  };
}

function knownTo({ task }: StandbyCopy): unknown {
  return task.restored();
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a standby copy', () => {
  test('takes over with the rest of the changelog only', async () => {
    const { changelog, follow, takeOver, close } = createScene();
    for (let n = 0; n < 100; n++) changelog.commit([[`k${n % 7}`, n]]);
    await follow();
    changelog.commit([
      ['k1', 1_000],
      ['k2', null],
    ]);
    changelog.abort(3);
    expect(await takeOver()).toEqual({ known: changelog.restored(), records: 2 });
    close();
  });

  test('a standby copy does not take over when it was behind for so long that a tombstone is gone', async () => {
    const { changelog, follow, takeOver, close } = createScene();
    changelog.commit([['gone', 1]]);
    changelog.commit([['last', 2]]);
    await follow();
    changelog.unreachable = true;
    changelog.commit([['gone', null]]);
    changelog.commit([['other', 3]]);
    changelog.roll();
    changelog.clean();
    jest.setSystemTime(Date.now() + RETENTION_MS + HOUR_MS);
    changelog.clean();
    changelog.unreachable = false;
    expect(changelog.restored()).toEqual(
      new Map([
        ['last', 2],
        ['other', 3],
      ]),
    );
    await expect(takeOver()).rejects.toThrow(UnusableCopy);
    close();
  });

  test.each<[string, (changelog: ModelChangelog) => void]>([
    ['does not take over when the changelog was recreated', (changelog) => changelog.recreate()],
    [
      'does not take over when the changelog was recreated and has grown as long',
      (changelog) => changelog.recreate(50),
    ],
    [
      'a standby copy does not take over when the changelog lost its first records',
      (changelog) => changelog.deleteRecords(3),
    ],
    ['does not take over when the changelog lost its last records', (changelog) => changelog.truncate(2)],
    [
      'a standby copy does not take over when the changelog lost its last records and got others',
      (changelog) => {
        changelog.truncate(2);
        for (let n = 0; n < 9; n++) changelog.commit([['z', n]]);
      },
    ],
  ])('%s', async (_, harm) => {
    const { changelog, follow, takeOver, close } = createScene();
    for (let n = 0; n < 10; n++) changelog.commit([[`k${n}`, n]]);
    await follow();
    harm(changelog);
    await expect(takeOver()).rejects.toThrow(UnusableCopy);
    close();
  });

  test('a standby copy of a changelog that was recreated begins again, and becomes warm again', async () => {
    const { changelog, standbys, follow, takeOver, close } = createScene();
    changelog.commit([['a', 1]]);
    await follow();
    expect(standbys.claim()).toEqual({ process: 'here', warm: [0] });
    changelog.recreate();
    changelog.commit([['b', 2]]);
    await follow();
    expect(standbys.claim()?.warm).toEqual([0]);
    expect(await takeOver()).toEqual({ known: new Map([['b', 2]]), records: 0 });
    close();
  });

  test('a member keeps no standby copy if the log gives no topic ids, or no retention of tombstones', async () => {
    const { changelog, standbys, follow, close } = createScene();
    changelog.commit([['a', 1]]);
    changelog.id = null;
    await follow();
    expect(standbys.give(0)).toBeNull();
    changelog.id = 'an id';
    changelog.retentionMs = 0;
    await follow();
    expect(standbys.claim()?.warm).toEqual([]);
    close();
  });

  test('a standby copy reads a tombstone that took the place of aborted records', async () => {
    const { changelog, follow, takeOver, close } = createScene();
    changelog.commit([['gone', 1]]);
    changelog.commit([['last', 2]]);
    changelog.abort(9);
    await follow();
    changelog.truncate(0);
    changelog.commit([['gone', null]]);
    changelog.commit([['other', 3]]);
    changelog.roll();
    changelog.clean();
    for (let hour = 0; hour < 30; hour += 6) {
      await follow();
      jest.setSystemTime(Date.now() + 6 * HOUR_MS);
    }
    await follow();
    changelog.clean();
    const known = new Map([
      ['last', 2],
      ['other', 3],
    ]);
    expect(changelog.restored()).toEqual(known);
    expect(await takeOver()).toMatchObject({ known });
    close();
  });

  test('a standby copy stays, but is not warm, while brokers show fewer records than it has read', async () => {
    const { changelog, standbys, follow, takeOver, close } = createScene();
    for (let n = 0; n < 10; n++) changelog.commit([[`k${n}`, n]]);
    await follow();
    changelog.shows = 3;
    await follow();
    expect(standbys.claim()?.warm).toEqual([]);
    changelog.shows = Infinity;
    await follow();
    expect(standbys.claim()?.warm).toEqual([0]);
    expect(await takeOver()).toMatchObject({ records: 0 });
    close();
  });

  test('is handed over once, while it is being read: what the older read still brings is ignored', async () => {
    const { changelog, standbys, follow, takeOver, close } = createScene();
    for (let n = 0; n < 100; n++) changelog.commit([[`k${n % 7}`, n]]);
    const gate = createDeferred<undefined>();
    changelog.holds = { after: 30, until: gate.promise };
    await follow();
    const copy = standbys.give(0);
    expect(standbys.give(0)).toBeNull();
    changelog.holds = null;
    const records = await copy?.takeOver(
      { backend: changelog.backend, topology: MODEL_TOPOLOGY, partition: 0 },
      changelog,
      never,
    );
    // The older read has handed over 30 of 100.
    expect(records).toBe(70);
    copy?.task.restore({ ...aRecord('k1'), value: Buffer.from('1000') });
    gate.resolve(undefined);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(copy && knownTo(copy)).toEqual(new Map(changelog.restored() as Map<string, number>).set('k1', 1_000));
    expect(await takeOver()).toBeNull();
    close();
  });

  test('ends a take-over early, without an error, if its task closes meanwhile', async () => {
    const { changelog, standbys, follow, close } = createScene();
    for (let n = 0; n < 10; n++) changelog.commit([['k', n]]);
    await follow();
    changelog.commit([['k', 10]]);
    const place = { backend: changelog.backend, topology: MODEL_TOPOLOGY, partition: 0 };
    await expect(standbys.give(0)?.takeOver(place, changelog, () => true)).resolves.toBe(0);
    close();
  });

  test('tells its lag while it is kept, and no longer', async () => {
    const { changelog, standbys, follow, lags, close } = createScene();
    changelog.commit([['a', 1]]);
    await follow();
    expect(await lags()).toEqual([[0, 0]]);
    changelog.retentionMs = 0;
    await follow();
    expect(await lags()).toEqual([]);
    changelog.retentionMs = RETENTION_MS;
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await lags()).toEqual([[0, 0]]);
    standbys.give(0);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await lags()).toEqual([]);
    close();
  });

  test('a standby copy that fails each time begins again more and more rarely, and is warm soon after the cause has gone', async () => {
    const { changelog, standbys, follow, close } = createScene();
    changelog.commit([['a', FAILING]]);
    await follow();
    await jest.advanceTimersByTimeAsync(HOUR_MS);
    const reads = changelog.reads();
    expect(reads).toBeGreaterThan(10);
    expect(reads).toBeLessThan(40);
    changelog.recreate(1);
    await jest.advanceTimersByTimeAsync(400_000);
    expect(standbys.claim()?.warm).toEqual([0]);
    close();
  });

  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const change = fc.tuple(key, fc.constantFrom<'value' | null>('value', 'value', null));
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ what: fc.constant('commit'), changes: fc.array(change, { minLength: 1, maxLength: 4 }) }),
    },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('abort'), records: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 4, arbitrary: fc.record({ what: fc.constant('follow') }) },
    {
      weight: 2,
      arbitrary: fc.record({ what: fc.constant('follow a part'), records: fc.integer({ min: 0, max: 5 }) }),
    },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('fall behind'), hours: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('roll') }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('drop tombstones') }) },
    { weight: 3, arbitrary: fc.record({ what: fc.constant('clean') }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('truncate'), records: fc.integer({ min: 0, max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('recreate'), records: fc.integer({ min: 0, max: 8 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant('delete records'), records: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('take over') }) },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant('fail to take over'), records: fc.integer({ min: 0, max: 5 }) }),
    },
  ) as fc.Arbitrary<Step>;

  test('a copy that takes over knows what a restore in full knows, whatever happened to the changelog', async () => {
    let warm = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const scene = createScene();
        for (const each of steps) await play(scene, each);
        warm += await checkTakeOver(scene);
        scene.close();
      }),
      { numRuns: 500 },
    );
    // It is not enough that copies are always thrown away.
    expect(warm).toBeGreaterThan(50);
  });
});

interface Step {
  readonly what: string;
  readonly changes: readonly (readonly [string, 'value' | null])[];
  readonly records: number;
  readonly hours: number;
}

type Scene = ReturnType<typeof createScene>;
let values = 0;

async function play(scene: Scene, { what, changes, records, hours }: Step): Promise<void> {
  const { changelog, follow } = scene;
  if (what === 'commit') changelog.commit(changes.map(([key, value]) => [key, value === null ? null : (values += 1)]));
  else if (what === 'abort') changelog.abort(records);
  else if (what === 'follow') await follow();
  else if (what === 'follow a part') {
    changelog.breaksAfter = records;
    await follow();
    changelog.breaksAfter = Infinity;
  } else if (what === 'fall behind') jest.setSystemTime(Date.now() + hours * HOUR_MS);
  else if (what === 'roll') changelog.roll();
  else if (what === 'drop tombstones') {
    changelog.roll();
    changelog.clean();
    jest.setSystemTime(Date.now() + RETENTION_MS);
    changelog.clean();
  } else if (what === 'clean') changelog.clean();
  else if (what === 'truncate') changelog.truncate(records);
  else if (what === 'recreate') changelog.recreate(records);
  else if (what === 'delete records') changelog.deleteRecords(records);
  else if (what === 'take over') await checkTakeOver(scene);
  else await checkRetriedTakeOver(scene, records);
}

/** Answers 1 where a copy took over. */
async function checkTakeOver({ changelog, takeOver }: Scene): Promise<number> {
  try {
    const taken = await takeOver();
    if (taken === null) return 0;
    expect(taken.known).toEqual(changelog.restored());
    return 1;
  } catch (error) {
    if (!(error instanceof UnusableCopy)) throw error;
    return 0;
  }
}

/** The connection breaks within the tail, and the runner tries the same copy again. */
async function checkRetriedTakeOver({ changelog, standbys }: Scene, breaksAfter: number): Promise<void> {
  const copy = standbys.give(0);
  if (copy === null) return;
  const place = { backend: changelog.backend, topology: MODEL_TOPOLOGY, partition: 0 };
  const attempt = () => copy.takeOver(place, changelog, never);
  try {
    changelog.breaksAfter = breaksAfter;
    await attempt().catch((error: unknown) => {
      if (error instanceof UnusableCopy) throw error;
    });
    changelog.breaksAfter = Infinity;
    await attempt();
    expect(knownTo(copy)).toEqual(changelog.restored());
  } catch (error) {
    if (!(error instanceof UnusableCopy)) throw error;
  } finally {
    changelog.breaksAfter = Infinity;
  }
}

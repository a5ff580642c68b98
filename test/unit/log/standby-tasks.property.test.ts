import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import type { Log, LogRecord, RunningTasks, Task } from '../../../src/log';
import { createMemoryCluster } from '../../../src/log/memory/cluster';
import { SUM_TOPOLOGY, createSumTask } from '../../support/log/sum-task';

const PARTITIONS = 3;
const PLACES = [0, 1, 2];

interface Member {
  readonly log: Log;
  readonly tasks: RunningTasks;
  /** What happens to its transactions from now on. */
  trouble: 'none' | 'before the commit' | 'after the commit' | 'dying';
}

interface Step {
  readonly what: string;
  readonly member: number;
  readonly partition: number;
  readonly standby: boolean;
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

const what = fc.constantFrom(
  ...[
    'produce',
    'produce',
    'produce',
    'produce',
    'start',
    'start',
    'stop',
    'kill',
    'fence',
    'fail before',
    'fail after',
  ],
  ...['wait', 'wait', 'wait', 'expire offsets', 'recreate the state topic'],
);
const member = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.record({ what, member, partition: fc.nat(2), standby: fc.boolean() });

describe('members with and without standby copies', () => {
  test('write what one undisturbed member would, whatever is killed, fenced and recreated', async () => {
    let warm = 0;
    let again = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const scene = createScene();
        await scene.play({ what: 'start', member: 0, partition: 0, standby: true });
        for (const each of steps) await scene.play(each);
        await scene.settle();
        const recreated = steps.some((each) => each.what.startsWith('recreate'));
        for (const partition of PLACES) {
          const [expected, rows] = [scene.expected(partition), await scene.rows(partition)];
          if (recreated) expect(lastOf(rows)).toEqual(lastOf(expected));
          else expect(rows).toEqual(expected);
        }
        warm += scene.warm();
        again += scene.restoredAgain();
        await scene.close();
      }),
      { numRuns: 60 },
    );
    // It is not enough that all restore in full.
    expect(warm).toBeGreaterThan(10);
    // A copy that lacked the last records would look like a loss, and a restore in full would hide it.
    expect(again).toBe(0);
  });
});

type Row = readonly [key: string, total: string];

function lastOf(rows: readonly Row[]): ReadonlyMap<string, string> {
  return new Map(rows);
}

function createScene() {
  const cluster = createMemoryCluster({ partitions: PARTITIONS });
  const own = cluster.connect();
  const members: Member[] = [];
  const produced: Row[][] = PLACES.map(() => []);
  let names = 0;
  let warm = 0;
  let restoredAgain = 0;

  const start = async (standbyIn: string | undefined): Promise<void> => {
    const hooks = {
      beforeCommit: () => {
        if (one.trouble === 'before the commit') one.trouble = 'none';
        else if (one.trouble !== 'dying') return;
        throw new Error('before the commit');
      },
      afterCommit: () => {
        if (one.trouble !== 'after the commit') return;
        one.trouble = 'none';
        throw new Error('the answer was lost');
      },
    };
    const log = cluster.connect({ hooks });
    const createTask = () => {
      const task = createSumTask({ stateTopic: 'state' });
      let begunAt: number | null = null;
      let progress: 'reading' | 'restored' | 'begun' = 'reading';
      return {
        ...task,
        restore: (record: LogRecord) => {
          begunAt ??= Date.now();
          task.restore(record);
        },
        restored: () => {
          // In memory a restore takes no time: what it read earlier it read as a copy.
          if (begunAt !== null && begunAt < Date.now()) warm += 1;
          progress = 'restored';
          return task.restored();
        },
        begin: (begun: Parameters<Task['begin']>[0]) => {
          progress = 'begun';
          task.begin(begun);
        },
        close: () => {
          if (progress === 'restored') restoredAgain += 1;
          task.close();
        },
      };
    };
    const one: Member = { log, tasks: await log.runTasks({ ...SUM_TOPOLOGY, standbyIn }, createTask), trouble: 'none' };
    one.tasks.done.catch(() => undefined);
    members.push(one);
  };
  const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);
  const chosen = (index: number): Member | undefined => members[index % Math.max(1, members.length)];
  const end = async (index: number, trouble: Member['trouble']): Promise<void> => {
    const [one] = members.length > 1 ? members.splice(index % members.length, 1) : [];
    if (one === undefined) return;
    one.trouble = trouble;
    const stopped = one.log.close();
    await pass(10);
    await stopped;
  };
  const produce = async (partition: number): Promise<void> => {
    const log = produced[partition] ?? [];
    const key = `k${log.length % 5}`;
    const value = log.length % 11 === 10 ? 'end' : '1';
    log.push([key, value]);
    const producer = await own.createProducer();
    await producer.send([{ topic: 'in', key, value: Buffer.from(value), partition }]);
  };

  return {
    warm: () => warm,
    /** The tasks that were restored, and were replaced before they began. */
    restoredAgain: () => restoredAgain,
    async play({ what: which, member: index, partition, standby }: Step): Promise<void> {
      if (which === 'produce') await produce(partition);
      else if (which === 'start') await start(standby ? `process ${(names += 1)}` : undefined);
      else if (which === 'stop') await end(index, 'none');
      else if (which === 'kill') await end(index, 'dying');
      else if (which === 'fence') cluster.fence(`g-in-${partition}`);
      else if (which === 'expire offsets') cluster.expireOffsets('g');
      else if (which === 'recreate the state topic') cluster.deleteTopic('state');
      else if (which === 'wait') await pass(1_500);
      else {
        const one = chosen(index);
        if (one !== undefined) one.trouble = which === 'fail before' ? 'before the commit' : 'after the commit';
      }
      await pass(10);
    },
    /** Until everything is folded, by a bounded number of looks. */
    async settle(): Promise<void> {
      for (const one of members) one.trouble = 'none';
      for (const partition of PLACES) await produce(partition);
      const isDone = (): boolean => {
        const states = members.flatMap(({ tasks }) => tasks.status());
        const ofAll = PLACES.map((place) =>
          states.filter(({ partition, state }) => partition === place && state === 'RUNNING'),
        );
        return ofAll.every((found, place) => found.some(({ nextOffset }) => nextOffset === produced[place]?.length));
      };
      for (let look = 0; look < 200 && !isDone(); look++) await pass(500);
      expect(isDone()).toBe(true);
      // A state topic that was recreated is noticed by looking.
      await pass(12_000);
    },
    expected(partition: number): readonly Row[] {
      const totals = new Map<string, number>();
      return (produced[partition] ?? []).map(([key, value]) => {
        if (value === 'end') {
          totals.delete(key);
          return [key, 'null'];
        }
        totals.set(key, (totals.get(key) ?? 0) + 1);
        return [key, String(totals.get(key))];
      });
    },
    async rows(partition: number): Promise<readonly Row[]> {
      const rows: Row[] = [];
      const onRecord = (record: LogRecord): void => {
        if (record.partition === partition) rows.push([String(record.key), record.value?.toString() ?? 'null']);
      };
      const reading = await own.read({ topics: ['state'], follow: false, onRecord });
      await pass(10);
      await reading.caughtUp;
      return rows;
    },
    async close(): Promise<void> {
      const closed = Promise.all(members.map(({ log }) => log.close()));
      await pass(10);
      await closed;
    },
  };
}

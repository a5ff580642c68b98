import { describe, expect, it } from '@jest/globals';
import { createDeferred, OperatorError } from '../../../src/common';
import { type AssignedPartition, type Log, type Subscription } from '../../../src/log';
import { eventually } from '../processes/until';
import type { OpenScene } from './log-conformance';

/** A subscriber that remembers its calls. */
async function subscribe(log: Log, group: string, topic: string, options: Partial<Subscription> = {}) {
  const seen = {
    assigned: [] as AssignedPartition[],
    revoked: [] as number[],
    records: [] as string[],
    nextOffsets: new Map<number, number>(),
  };
  const subscription = await log.subscribe({
    group,
    topic,
    onAssigned: (partitions) => {
      seen.assigned.push(...partitions);
      return Promise.resolve(new Map());
    },
    onRevoked: (partitions) => void seen.revoked.push(...partitions),
    onRecords: (partition, records, nextOffset) => {
      seen.records.push(...records.map(({ key, value }) => `${key?.toString() ?? ''}=${value?.toString() ?? 'null'}`));
      seen.nextOffsets.set(partition, nextOffset);
    },
    ...options,
  });
  return { seen, subscription };
}

export function describeSubscriptions(open: OpenScene): void {
  describe('subscriptions', () => {
    it('begin at the beginning, then at what was committed, and give back its metadata', async () => {
      const { log, input, produce } = await open(1);
      await produce(['a', '1'], ['b', '2'], ['c', '3']);
      const first = await subscribe(log, `${input}-sub`, input);
      await eventually(() => first.seen.records.length === 3);
      expect(first.seen.assigned).toMatchObject([
        { partition: 0, committedOffset: null, committedMetadata: null, beginningOffset: 0, endOffset: 3 },
      ]);
      expect(first.seen.nextOffsets.get(0)).toBe(3);
      await first.subscription.commit([{ partition: 0, offset: 2, metadata: 'rows up to 2' }]);
      await first.subscription.stop();
      await first.subscription.done;

      const second = await subscribe(log, `${input}-sub`, input);
      await eventually(() => second.seen.records.length === 1);
      expect(second.seen.records).toEqual(['c=3']);
      expect(second.seen.assigned).toMatchObject([{ committedOffset: 2, committedMetadata: 'rows up to 2' }]);
      expect(second.subscription.ready()).toBe(true);
    });

    it('begin where onAssigned says, and deliver nothing before it has answered', async () => {
      const { log, input, produce } = await open(1);
      await produce(['a', '1'], ['b', '2'], ['c', '3']);
      let deliveredBefore = -1;
      const records: string[] = [];
      const { subscription } = await subscribe(log, `${input}-sub`, input, {
        onAssigned: async () => {
          await new Promise((resolve) => setTimeout(resolve, 300));
          deliveredBefore = records.length;
          return new Map([[0, 1]]);
        },
        onRecords: (_, batch) => void records.push(...batch.map(({ key }) => key?.toString() ?? '')),
      });
      await eventually(() => records.length === 2);
      expect(records).toEqual(['b', 'c']);
      expect(deliveredBefore).toBe(0);
      expect(subscription.status()).toEqual([{ partition: 0, nextOffset: 3, lag: 0 }]);
    });

    it('a running reader also reads the partitions that its topic gets', async () => {
      const { log, harness, input, produce } = await open(1);
      await produce(['a', '1']);
      const { seen } = await subscribe(log, `${input}-sub`, input);
      await eventually(() => seen.records.length === 1);
      await harness.addPartitions(input, 2);
      await eventually(() => seen.assigned.some(({ partition }) => partition === 1));
      await eventually(async () => (await log.endOffsets(input)).size === 2);
      await produce(['b', '2', 1]);
      await eventually(() => seen.records.includes('b=2'));
      expect(seen.nextOffsets).toEqual(
        new Map([
          [0, 1],
          [1, 1],
        ]),
      );
    });

    it('refuse to continue beyond the end of a topic: it was recreated', async () => {
      const { log, input, topology, commit } = await open(1);
      const { subscription } = await subscribe(log, `${input}-sub`, input, {
        onAssigned: () => Promise.resolve(new Map([[0, 99]])),
      });
      await expect(subscription.done).rejects.toThrow(OperatorError);
      await expect(subscription.done).rejects.toThrow(/recreated.*Start the reader again/);
      // A reset of offsets helps only readers that continue at them.
      await commit(99);
      const committed = await subscribe(log, topology.group, input);
      await expect(committed.subscription.done).rejects.toThrow(/recreated.*--reset-offsets --to-earliest/);
    });

    it('an error of onAssigned or onRecords rejects done', async () => {
      const { log, input, produce } = await open(1);
      await produce(['a', '1']);
      const failing = (): never => {
        throw new Error('cannot store');
      };
      const a = await subscribe(log, `${input}-1`, input, {
        onAssigned: () => Promise.reject(new Error('cannot store')),
      });
      await expect(a.subscription.done).rejects.toThrow('cannot store');
      const b = await subscribe(log, `${input}-2`, input, { onRecords: failing });
      await expect(b.subscription.done).rejects.toThrow('cannot store');
    });

    it('tell what was revoked, and ignore commits of it', async () => {
      const { connect, input, produce } = await open(2);
      await produce(['a', '1', 0], ['b', '2', 1]);
      const first = await subscribe(await connect(), `${input}-sub`, input);
      await eventually(() => first.seen.records.length === 2);
      const second = await subscribe(await connect(), `${input}-sub`, input);
      await eventually(() => first.seen.revoked.length === 1 && second.subscription.ready());
      const [lost = -1] = first.seen.revoked;
      expect(second.seen.assigned.map(({ partition }) => partition)).toEqual([lost]);
      await first.subscription.commit([
        { partition: 0, offset: 1 },
        { partition: 1, offset: 1 },
      ]);
      await first.subscription.stop();
      await second.subscription.stop();
      const third = await subscribe(await connect(), `${input}-sub`, input);
      await eventually(() => third.seen.assigned.length === 2);
      const committed = new Map(
        third.seen.assigned.map(({ partition, committedOffset }) => [partition, committedOffset]),
      );
      expect(committed.get(lost)).toBeNull();
      expect(committed.get(1 - lost)).toBe(1);
    });

    it('say which records were deleted before they read them, and end if the subscriber needs these', async () => {
      const { log, harness, input, produce } = await open(1);
      await produce(['a', '1'], ['b', '2'], ['c', '3']);
      const gaps: (readonly number[])[] = [];
      const deleting = (upTo: number): Partial<Subscription> => ({
        onAssigned: async () => {
          await harness.deleteRecords(input, 0, upTo);
          return new Map([[0, upTo - 1]]);
        },
      });
      const { seen } = await subscribe(log, `${input}-1`, input, {
        ...deleting(1),
        onSkipped: (...gap) => void gaps.push(gap),
      });
      await eventually(() => seen.records.length === 2);
      expect(gaps).toEqual([[0, 0, 1]]);
      const { subscription } = await subscribe(log, `${input}-2`, input, {
        ...deleting(2),
        onSkipped: () => {
          throw new Error('a tombstone was among them');
        },
      });
      await expect(subscription.done).rejects.toThrow('a tombstone was among them');
    });

    it('move past transaction markers, so that committing leaves no lag', async () => {
      const { log, run, state, produce, rows } = await open(1);
      await run();
      await produce(['a', '1']);
      await eventually(async () => (await rows()).length === 1);
      const { seen, subscription } = await subscribe(log, `${state}-sub`, state);
      const end = (await log.endOffsets(state)).get(0);
      await eventually(() => seen.nextOffsets.get(0) === end);
      expect(subscription.status()).toEqual([{ partition: 0, nextOffset: end, lag: 0 }]);
    });

    it('paused by what one partition brings, deliver the others after the pause although nothing more comes', async () => {
      const { log, input, produce } = await open(3);
      await produce(['a', '1', 0], ['b', '2', 1], ['c', '3', 2]);
      const keys: string[] = [];
      const pausing: { pause?: () => void } = {};
      const begin = createDeferred<ReadonlyMap<number, number>>();
      const { subscription } = await subscribe(log, `${input}-sub`, input, {
        onAssigned: () => begin.promise,
        onRecords: (_, batch) => {
          pausing.pause?.();
          keys.push(...batch.map(({ key }) => key?.toString() ?? ''));
        },
      });
      pausing.pause = () => subscription.pause();
      begin.resolve(new Map());
      await eventually(() => keys.length > 0);
      // As long as a fetch under way can take.
      await new Promise((resolve) => setTimeout(resolve, 300));
      delete pausing.pause;
      subscription.resume();
      await eventually(() => keys.length === 3);
      expect([...keys].sort()).toEqual(['a', 'b', 'c']);
    });

    it('pause and resume without losing anything', async () => {
      const { log, input, produce } = await open(1);
      const { seen, subscription } = await subscribe(log, `${input}-sub`, input);
      await eventually(() => subscription.ready());
      subscription.pause();
      await produce(['a', '1']);
      expect(seen.records).toEqual([]);
      await produce(['b', '2']);
      subscription.resume();
      await eventually(() => seen.records.length === 2);
      expect(seen.records).toEqual(['a=1', 'b=2']);
    });
  });
}

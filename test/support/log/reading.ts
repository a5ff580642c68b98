import { describe, expect, it } from '@jest/globals';
import { type LogRecord, partitionOf } from '../../../src/log';
import { eventually } from '../processes/until';
import type { OpenScene } from './log-conformance';

export function describeReading(open: OpenScene): void {
  describe('producing and reading', () => {
    it('place a key as the Java client does, and keep the order of its records', async () => {
      const { log, input, all } = await open(4);
      const producer = await log.createProducer();
      const keys = ['a', 'b', 'c', 'd', 'e'];
      const record = (key: string, n: number) => ({ topic: input, key, value: Buffer.from(String(n)) });
      // Not awaited one by one: the producer keeps order across calls under way.
      await Promise.all(Array.from({ length: 200 }, (_, n) => producer.send(keys.map((key) => record(key, n)))));
      const records = await all(input);
      expect(records).toHaveLength(1_000);
      for (const key of keys) {
        const mine = records.filter((one) => one.key?.toString() === key);
        expect(mine.map(({ value }) => Number(value?.toString()))).toEqual(Array.from({ length: 200 }, (_, n) => n));
        expect(new Set(mine.map(({ partition }) => partition))).toEqual(new Set([partitionOf(key, 4)]));
      }
      await producer.close();
      await expect(producer.send([record('a', 0)])).rejects.toThrow(/closed/);
    });

    it('carry keys, tombstones, timestamps and headers', async () => {
      const { log, input, all } = await open(1);
      const producer = await log.createProducer();
      const before = Date.now();
      await producer.send([
        { topic: input, key: 'k', value: null, timestamp: 1_700_000_000_123, headers: { ce_id: 'x', ce_source: 'é' } },
        { topic: input, key: null, value: Buffer.from([0, 255]) },
      ]);
      const [first, second] = await all(input);
      expect(first).toMatchObject({ topic: input, partition: 0, offset: 0, value: null, timestamp: 1_700_000_000_123 });
      expect(first?.key?.toString()).toBe('k');
      expect(first?.headers).toEqual({ ce_id: 'x', ce_source: 'é' });
      expect(second).toMatchObject({ offset: 1, key: null, value: Buffer.from([0, 255]) });
      expect(second?.headers).toEqual({});
      expect(second?.timestamp).toBeGreaterThanOrEqual(before);
      await producer.close();
    });

    it('read several topics to the end that was fixed at the call', async () => {
      const { log, input, state, produce } = await open(2);
      await produce(['a', '1', 0], ['b', '2', 1]);
      const records: LogRecord[] = [];
      const reading = await log.read({ topics: [input, state], follow: false, onRecord: (one) => records.push(one) });
      await reading.caughtUp;
      expect(records.map(({ key }) => key?.toString()).sort()).toEqual(['a', 'b']);
      expect(await log.endOffsets(input)).toEqual(new Map([[0, 1], [1, 1]])); // prettier-ignore
      await reading.stop();
    });

    it('read only the partitions that are asked for, each from its offset on', async () => {
      const { log, input, produce } = await open(3);
      await produce(['a', '1', 0], ['b', '2', 1], ['c', '3', 1], ['d', '4', 2]);
      const keys: string[] = [];
      const onRecord = ({ key }: LogRecord): void => void keys.push(key?.toString() ?? '');
      const from = new Map([[1, 1], [2, 1]]); // prettier-ignore
      const reading = await log.read({ topics: [input], from, follow: false, onRecord });
      await reading.caughtUp;
      await reading.stop();
      expect(keys).toEqual(['c']);
    });

    it('read from the first record of a time on, and nothing of a partition that has none', async () => {
      const { log, input } = await open(3);
      const producer = await log.createProducer();
      const at = 1_760_000_000_000;
      const record = (key: string, partition: number, timestamp: number) => ({
        topic: input,
        key,
        value: Buffer.from('1'),
        partition,
        timestamp,
      });
      await producer.send([record('a', 0, at - 2), record('b', 0, at), record('c', 0, at - 1), record('d', 1, at - 5)]);
      await producer.send([record('e', 2, at + 5)]);
      await producer.close();
      const keys: string[] = [];
      const onRecord = ({ key }: LogRecord): void => void keys.push(key?.toString() ?? '');
      const reading = await log.read({ topics: [input], since: at, follow: false, onRecord });
      await reading.caughtUp;
      await reading.stop();
      // `c` is late: a reader since a time gets everything written after the first record of that time.
      expect(keys.sort()).toEqual(['b', 'c', 'e']);
    });

    it.each([false, true])(
      'tell their owner that the receiver threw, and hand nothing more over (follow: %s)',
      async (follow) => {
        const { log, input, produce } = await open(1);
        await produce(['a', '1']);
        const keys: string[] = [];
        const problem = new Error('the receiver cannot take it');
        const onRecord = ({ key }: LogRecord): void => {
          keys.push(key?.toString() ?? '');
          if (keys.length === (follow ? 2 : 1)) throw problem;
        };
        const reading = await log.read({ topics: [input], follow, onRecord });
        if (follow) await reading.caughtUp;
        else await expect(reading.caughtUp).rejects.toThrow(problem);
        await produce(['b', '2'], ['c', '3']);
        await expect(reading.done).rejects.toThrow(problem);
        await produce(['d', '4']);
        await reading.stop();
        expect(keys).toEqual(follow ? ['a', 'b'] : ['a']);
      },
    );

    it('are done when they have been stopped, or without follow at their end', async () => {
      const { log, input, produce } = await open(2);
      await produce(['a', '1', 0]);
      const whole = await log.read({ topics: [input], follow: false, onRecord: () => undefined });
      await whole.done;
      const following = await log.read({ topics: [input], follow: true, onRecord: () => undefined });
      await following.caughtUp;
      await following.stop();
      await following.done;
    });

    it('read on with follow', async () => {
      const { log, input, produce } = await open(1);
      await produce(['a', '1']);
      const keys: string[] = [];
      const onRecord = ({ key }: LogRecord): void => void keys.push(key?.toString() ?? '');
      const reading = await log.read({ topics: [input], follow: true, onRecord });
      await reading.caughtUp;
      expect(keys).toEqual(['a']);
      await produce(['b', '2']);
      await eventually(() => keys.length === 2);
      await reading.stop();
      await reading.stop();
      await produce(['c', '3']);
      expect(keys).toEqual(['a', 'b']);
    });
  });
}

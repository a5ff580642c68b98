import { describe, expect, test } from '@jest/globals';
import { createSinkBuffer } from '../../../src/sink/buffer';

const record = (partition: number, offset: number) => ({
  ...{ topic: 'state', partition, offset, timestamp: 0, headers: {} },
  key: Buffer.from('k'),
  value: Buffer.from('value'),
});
const positions = (batch: ReturnType<ReturnType<typeof createSinkBuffer>['take']>) =>
  batch?.ends.map(({ partition, offset }) => [partition, offset]);

describe('the buffer of the sink', () => {
  test('gives records of all partitions, each in its order, with where each one ends', () => {
    const buffer = createSinkBuffer(() => 5);
    buffer.assign(0);
    buffer.assign(1);
    buffer.add(0, [record(0, 3), record(0, 7)], 9);
    buffer.add(1, [record(1, 0)], 1);
    expect([buffer.rows(), buffer.bytes(), buffer.waitedMs()]).toEqual([3, 18, expect.any(Number)]);
    const batch = buffer.take(10);
    expect(batch?.records.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 3],
      [0, 7],
      [1, 0],
    ]);
    expect(positions(batch)).toEqual([
      [0, 9],
      [1, 1],
    ]);
    expect([buffer.rows(), buffer.bytes(), buffer.waitedMs(), buffer.take(10)]).toEqual([0, 0, null, null]);
  });

  test('a batch that leaves records behind ends after its last one, and no partition starves', () => {
    const buffer = createSinkBuffer();
    buffer.assign(0);
    buffer.assign(1);
    buffer.add(0, [record(0, 0), record(0, 1), record(0, 2)], 3);
    buffer.add(1, [record(1, 0), record(1, 1)], 2);
    expect(positions(buffer.take(2))).toEqual([[0, 2]]);
    expect(positions(buffer.take(2))).toEqual([[1, 2]]);
    expect(positions(buffer.take(2))).toEqual([[0, 3]]);
  });

  test('markers alone are something to commit', () => {
    const buffer = createSinkBuffer();
    buffer.assign(0);
    buffer.add(0, [], 4);
    expect(buffer.waitedMs()).not.toBeNull();
    expect(buffer.take(10)).toMatchObject({ records: [], ends: [{ partition: 0, offset: 4 }] });
    expect(buffer.take(10)).toBeNull();
  });

  test('forgets a partition that is taken away, and knows its old batches from those of a new assignment', () => {
    const buffer = createSinkBuffer();
    buffer.assign(0);
    buffer.add(0, [record(0, 0)], 1);
    const assignment = buffer.take(10)?.ends[0]?.assignment ?? {};
    expect(buffer.isCurrent(0, assignment)).toBe(true);
    buffer.add(0, [record(0, 1)], 2);
    buffer.revoke(0);
    expect([buffer.rows(), buffer.bytes(), buffer.waitedMs(), buffer.isCurrent(0, assignment)]).toEqual([
      0,
      0,
      null,
      false,
    ]);
    buffer.add(0, [record(0, 2)], 3);
    expect(buffer.rows()).toBe(0);
    buffer.assign(0);
    expect(buffer.isCurrent(0, assignment)).toBe(false);
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createBatchSize, MOST, type Attempt, type BatchSize } from '../../../src/log/runtime/batch-size';

const attempt = (records: number, firstOffset = 0, bytes = records * 1_000): Attempt => ({
  records,
  bytes,
  firstOffset,
  nextOffset: firstOffset + records,
});

/** Folds the offsets 0 to `end`, of which the log refuses `bad`; answers how many transactions it refused. */
function foldAll(size: BatchSize, end: number, bad: ReadonlySet<number>) {
  const refused: number[] = [];
  let attempts = 0;
  for (let at = 0; at < end;) {
    const records = size.refusalOf(at) === null ? Math.min(size.limit().records, end - at) : 1;
    const isBad =
      size.refusalOf(at) === null && Array.from({ length: records }, (_, n) => at + n).some((n) => bad.has(n));
    if (isBad) {
      attempts++;
      expect(size.refused(attempt(records, at), 'MESSAGE_TOO_LARGE')).not.toBe('nothing');
      continue;
    }
    if (size.refusalOf(at) !== null) refused.push(at);
    at += records;
    size.committed(at);
  }
  return { refused, attempts };
}

describe('the size of a transaction', () => {
  test('the size of a transaction halves with every failure, down to one record, and never stays', () => {
    const size = createBatchSize();
    const tried: number[] = [];
    for (let failures = 0; failures < 12; failures++) {
      const { records } = size.limit();
      tried.push(records);
      size.failed(attempt(records));
    }
    expect(tried).toEqual([2_000, 1_000, 500, 250, 125, 62, 31, 15, 7, 3, 1, 1]);
  });

  test('follows what was tried, not what was allowed', () => {
    const size = createBatchSize();
    size.failed(attempt(10, 0, 8 * 1024 * 1024));
    expect(size.limit()).toEqual({ records: 5, bytes: 4 * 1024 * 1024 });
  });

  test('grows again with what succeeds', () => {
    const size = createBatchSize();
    for (let failures = 0; failures < 20; failures++) size.failed(attempt(size.limit().records));
    for (let at = 1; at < 20; at++) size.committed(at);
    expect(size.limit()).toEqual(MOST);
  });

  test('halving finds every record that the log refuses, and no other', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(4_999), { maxLength: 8 }), (bad) => {
        const { refused, attempts } = foldAll(createBatchSize(), 5_000, new Set(bad));
        expect(refused).toEqual([...bad].sort((a, b) => a - b));
        expect(attempts).toBeLessThanOrEqual(12 * bad.length);
      }),
      { numRuns: 200 },
    );
  });

  test('does not help where no record is at fault, or the refusal itself is refused', () => {
    const size = createBatchSize();
    expect(size.refused({ ...attempt(0), firstOffset: null }, 'INVALID_RECORD')).toBe('nothing');
    expect(size.refused(attempt(1, 7), 'INVALID_RECORD')).toBe('refuse');
    expect(size.refused(attempt(1, 7), 'INVALID_RECORD')).toBe('nothing');
  });
});

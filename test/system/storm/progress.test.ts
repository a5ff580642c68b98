import { describe, expect, test } from '@jest/globals';
import { fewestMoving, longestWait, waitsOf } from './progress';
import { needlessFences, type TraceEvent, type TraceKind } from './trace';

const appended = (times: Readonly<Record<number, number>>) =>
  new Map(Object.entries(times).map(([offset, at]) => [Number(offset), at]));

describe('the waits of a partition', () => {
  test('begin when an event comes, and end when it is committed', () => {
    const commits = [
      { at: 120, nextOffset: 1 },
      { at: 2_050, nextOffset: 3 },
    ];
    const waits = waitsOf({ partition: 4, appended: appended({ 0: 100, 1: 2_000, 2: 2_010 }), commits });
    expect(waits).toEqual([
      { partition: 4, from: 100, to: 120 },
      { partition: 4, from: 2_000, to: 2_050 },
    ]);
  });

  test('begin at the last commit when events have waited for longer', () => {
    const commits = [
      { at: 500, nextOffset: 1 },
      { at: 900, nextOffset: 2 },
    ];
    const waits = waitsOf({ partition: 0, appended: appended({ 0: 100, 1: 110 }), commits });
    expect(waits.at(-1)).toEqual({ partition: 0, from: 500, to: 900 });
  });

  test('never end where nobody commits any more, and are none where nothing is left', () => {
    const history = { partition: 0, appended: appended({ 0: 100 }), commits: [] };
    expect(waitsOf(history)).toEqual([{ partition: 0, from: 100, to: Infinity }]);
    // Offset 1 is a marker: no event.
    expect(waitsOf({ ...history, commits: [{ at: 150, nextOffset: 2 }] })).toHaveLength(1);
  });

  test('the longest one overlaps the time that is looked at', () => {
    const waits = [
      { partition: 0, from: 0, to: 9_000 },
      { partition: 1, from: 10_000, to: 12_000 },
    ];
    expect(longestWait(waits, 9_500, 20_000)).toEqual(waits[1]);
    expect(longestWait(waits, 13_000, 20_000)).toMatchObject({ from: 13_000, to: 13_000 });
  });

  test('a partition moves within a window unless one wait covers it', () => {
    const stands = [{ partition: 0, from: 1_000, to: 9_000 }];
    const moves = [{ partition: 1, from: 1_000, to: 4_000 }];
    const waits = new Map([
      [0, stands],
      [1, moves],
    ]);
    expect(fewestMoving(waits, 0, 10_000, 5_000)).toEqual({ moving: 1, at: 1_000 });
  });
});

describe('fences', () => {
  const event = (at: number, kind: TraceKind, partition: number | null, detail = ''): TraceEvent => ({
    ...{ at, kind, partition, detail },
    member: 'a',
  });
  const first = [event(1, 'assigned', null, '0 1'), event(2, 'fencing', 0), event(3, 'fencing', 1)];

  test('are needless where a task had its partition before and after a rebalance', () => {
    const again = event(5, 'fencing', 1);
    expect(needlessFences([...first, event(4, 'assigned', null, '1'), again])).toEqual([again]);
  });

  test('have their reason after a fence, an unknown outcome, another assignment and a new process', () => {
    const reasons = [
      [event(4, 'fenced', 1)],
      [event(4, 'retry', 1)],
      [event(4, 'assigned', null, '0'), event(5, 'assigned', null, '0 1')],
      [event(4, 'fault', null, 'kill a')],
    ];
    for (const reason of reasons) expect(needlessFences([...first, ...reason, event(9, 'fencing', 1)])).toEqual([]);
  });
});

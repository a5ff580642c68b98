import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Line } from '../../../src/board/page/model';
import { KeptOrder, QueueRows } from '../../../src/board/page/queues';

const NOBODY = { conversations: 0, offered: 0, oldestWaitingSince: null, alerting: 0, talking: 0, afterCallWork: 0 };
const DAY = { offered: 0, answered: 0, answeredInTarget: 0, abandoned: 0, shortAbandoned: 0 };
const aLine = (queueId: string, media: string, waiting: number): Line => ({
  ...{ queueId, media, name: null, live: { ...NOBODY, waiting }, day: DAY },
});

describe('the rows of queues', () => {
  test('are those of their lines together, and of one medium where only that is wanted', () => {
    const lines = [aLine('a', 'Voice', 2), aLine('b', 'Email', 1), aLine('a', 'Email', 3)];
    const shown = (media: string) =>
      new QueueRows().sum(lines, media).map(({ queueId, live }) => `${queueId} ${live.waiting}`);
    expect(shown('')).toEqual(['a 5', 'b 1']);
    expect(shown('Email')).toEqual(['b 1', 'a 3']);
  });

  test('stay the same objects while their lines do', () => {
    const rows = new QueueRows();
    const [a, b, more] = [aLine('a', 'Voice', 2), aLine('b', 'Voice', 1), aLine('a', 'Email', 1)];
    const [a1, b1] = rows.sum([a, b], '');
    const [a2, b2] = rows.sum([a, b], '');
    expect(a2).toBe(a1);
    expect(b2).toBe(b1);
    const [a3, b3] = rows.sum([a, aLine('b', 'Voice', 7)], '');
    expect(a3).toBe(a1);
    expect(b3?.live.waiting).toBe(7);
    const [a4] = rows.sum([a, b, more], '');
    expect(a4?.live.waiting).toBe(3);
  });
});

test('rows that were prepared part by part are those of the whole, and are not summed again', () => {
  const lines = [aLine('a', 'Voice', 2), aLine('a', 'Email', 3), aLine('b', 'Email', 1), aLine('gone', 'Voice', 9)];
  const rows = new QueueRows();
  const before = rows.sum(lines.slice(3), '');
  const prepared = [...rows.prepare(lines.slice(0, 2), ''), ...rows.prepare(lines.slice(2, 3), '')];
  expect(rows.sum(lines.slice(3), '')).toEqual(before);
  expect(prepared.map(({ queueId, live }) => `${queueId} ${live.waiting}`)).toEqual(['a 5', 'b 1']);
  const again = [...rows.prepare(lines.slice(0, 2), ''), ...rows.prepare(lines.slice(2, 3), '')];
  const whole = rows.sum(lines.slice(0, 3), '');
  expect(whole.map((row, index) => row === again[index])).toEqual([true, true]);
});

describe('an order that is kept', () => {
  interface Item {
    readonly key: number;
    readonly id: number;
  }
  const up = (a: Item, b: Item): number => a.key - b.key || a.id - b.id;
  const down = (a: Item, b: Item): number => b.key - a.key || a.id - b.id;

  test('is the order of what there is now, whatever has come, gone and changed', () => {
    const change = fc.record({ id: fc.nat(20), key: fc.option(fc.nat(5)) });
    const picture = fc.record({
      ...{ changes: fc.array(change, { maxLength: 8 }), isUp: fc.boolean() },
      // Of the items so far, so many are prepared, in the order that is to come or in another one.
      ...{ prepared: fc.nat(8), isPreparedUp: fc.boolean() },
    });
    fc.assert(
      fc.property(fc.array(picture, { maxLength: 12 }), (pictures) => {
        const order = new KeptOrder<Item>();
        const items = new Map<number, Item>();
        for (const { changes, isUp, prepared, isPreparedUp } of pictures) {
          for (const { id, key } of changes) {
            if (key === null) items.delete(id);
            else items.set(id, { id, key });
          }
          const now = [...items.values()];
          order.prepare(now.slice(0, prepared), isPreparedUp ? up : down);
          order.prepare(now.slice(prepared / 2, prepared), isPreparedUp ? up : down);
          expect(order.sort(now, isUp ? up : down)).toEqual(now.toSorted(isUp ? up : down));
        }
      }),
    );
  });

  test('does not compare again what it knows', () => {
    const items = Array.from({ length: 5_000 }, (_, id): Item => ({ id, key: (id * 7919) % 5_000 }));
    let compared = 0;
    const counting = (a: Item, b: Item): number => {
      compared += 1;
      return up(a, b);
    };
    const order = new KeptOrder<Item>();
    order.sort(items, counting);
    compared = 0;
    const changed = items.map((item) => (item.id % 100 === 0 ? { ...item, key: item.key + 3 } : item));
    expect(order.sort(changed, counting)).toEqual(changed.toSorted(up));
    expect(compared).toBeLessThan(5_000);
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LiveTable } from '../../../src/client/live-table';
import type { Change } from '../../../src/client/types';

/** Versions of a row count up, over all lives of it. */
type Row = { readonly version: number };

type Step =
  | { readonly kind: 'put'; readonly id: string }
  | { readonly kind: 'remove'; readonly id: string }
  | { readonly kind: 'reset' }
  | { readonly kind: 'read'; readonly consumer: number; readonly count: number }
  | { readonly kind: 'join'; readonly consumer: number }
  | { readonly kind: 'leave'; readonly consumer: number };

const CONSUMERS = 3;
const consumer = fc.nat(CONSUMERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('put', 'remove'), id: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reset' } as const) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read'), consumer, count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('join', 'leave'), consumer }) },
);

/** A program that keeps a map of its own, and reads when it is told to. */
function aReader(table: LiveTable<Row>) {
  const iterator = table.changes()[Symbol.asyncIterator]();
  const map = new Map<string, Row>();
  const versions = new Map<string, number>();
  let waiting: Promise<IteratorResult<Change<Row>>> | null = null;
  const apply = (change: Change<Row>): void => {
    if (change.type === 'reset') {
      map.clear();
    } else if (change.type === 'delete') {
      expect(map.has(change.id)).toBe(true);
      expect(change.last.version).toBeGreaterThanOrEqual(versions.get(change.id) ?? 0);
      map.delete(change.id);
    } else {
      // Never one older than what it had.
      expect(change.row.version).toBeGreaterThan(versions.get(change.id) ?? 0);
      versions.set(change.id, change.row.version);
      map.set(change.id, change.row);
    }
  };
  /** One change; false: there is none now. */
  const readOne = async (): Promise<boolean> => {
    waiting ??= iterator.next().then((result) => {
      // The newest that there is at the moment at which it is told.
      if (result.done !== true && result.value.type === 'upsert') {
        expect(result.value.row).toBe(table.get(result.value.id));
      }
      return result;
    });
    const none = new Promise<null>((resolve) => setImmediate(resolve, null));
    const found = await Promise.race([waiting, none]);
    if (found === null) return false;
    waiting = null;
    if (found.done === true) return false;
    apply(found.value);
    return true;
  };
  return {
    map,
    isWaiting: () => waiting !== null,
    async read(count: number) {
      let read = 0;
      while (read < count && (await readOne())) read += 1;
      return read;
    },
    leave: () => iterator.return?.(),
  };
}

describe('changes of a table', () => {
  test('whatever happens, and however slowly a reader takes them: a reader of all changes has the table', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const table = new LiveTable<Row>();
        const readers = new Map<number, ReturnType<typeof aReader>>();
        let version = 0;
        for (const one of steps) {
          if (one.kind === 'put') table.put(one.id, { version: (version += 1) });
          else if (one.kind === 'remove') table.remove(one.id);
          else if (one.kind === 'reset') table.reset();
          else if (one.kind === 'read') await readers.get(one.consumer)?.read(one.count);
          else if (one.kind === 'leave') {
            await readers.get(one.consumer)?.leave();
            readers.delete(one.consumer);
          } else if (!readers.has(one.consumer)) readers.set(one.consumer, aReader(table));
          // Who waits is told now; who does not, meets any number of steps at once.
          if ([...readers.values()].some(({ isWaiting }) => isWaiting())) {
            await new Promise((resolve) => setImmediate(resolve));
          }
        }
        expect(table.consumers).toBe(readers.size);
        for (const reader of readers.values()) {
          // At most one change of a row waits: five rows that are, five that were, and a reset.
          expect(await reader.read(1_000)).toBeLessThanOrEqual(11);
          expect([...reader.map].sort()).toEqual([...table.entries()].sort());
        }
        table.close();
        expect(table.consumers).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('a reader that never asks costs at most a change for each row, however many conversations come and go', async () => {
    const table = new LiveTable<Row>();
    table.put('stays', { version: 1 });
    const iterator = table.changes()[Symbol.asyncIterator]();
    for (let n = 0; n < 10_000; n++) {
      table.put(`c${n}`, { version: n });
      table.put('stays', { version: n });
      table.remove(`c${n}`);
    }
    expect(await iterator.next()).toEqual({
      done: false,
      value: { type: 'upsert', id: 'stays', row: { version: 9_999 } },
    });
    const next = iterator.next();
    table.put('news', { version: 1 });
    expect(await next).toMatchObject({ value: { id: 'news' } });
  });

  test('break frees the loop, close ends the others, and a loop that begins after that ends at once', async () => {
    const table = new LiveTable<Row>();
    table.put('a', { version: 1 });
    for await (const change of table.changes()) {
      expect(change).toMatchObject({ type: 'upsert', id: 'a' });
      break;
    }
    expect(table.consumers).toBe(0);
    const seen: string[] = [];
    const others = [1, 2].map(async () => {
      for await (const { type } of table.changes()) seen.push(type);
    });
    await new Promise((resolve) => setImmediate(resolve));
    table.close();
    await Promise.all(others);
    expect(seen).toEqual(['upsert', 'upsert']);
    for await (const change of table.changes()) throw new Error(`told ${change.type} after the end`);
    expect(table.size).toBe(1);
  });
});

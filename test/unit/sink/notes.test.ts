import { expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { createNotes } from '../../../src/sink/notes';
import type { Anchor, Note, Progress } from '../../../src/store';

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};
const LOOK_TURNS = 3;

/**
 * A store that answers a look late, with what it held when the look began, as ClickHouse does. It compares the answer
 * with what it was asked only then.
 */
function aSlowStore() {
  const noted = new Map<number, number>();
  const rows = new Set<number>();
  const revoked: number[] = [];
  const progress: Pick<Progress, 'write' | 'missing' | 'revoke'> = {
    missing: async (wanted, anchors) => {
      const then = { noted: new Map(noted), rows: new Set(rows) };
      await turns(LOOK_TURNS);
      const isLost =
        [...wanted].some(([partition, offset]) => (then.noted.get(partition) ?? 0) < offset) ||
        anchors.some(({ offset }) => !then.rows.has(offset));
      return isLost ? 'something' : null;
    },
    write: async (notes) => {
      await turns(1);
      for (const [partition, { offset }] of notes) noted.set(partition, offset);
    },
    revoke: (offsets) => {
      revoked.push(...offsets.values());
      return Promise.resolve();
    },
  };
  return { noted, rows, revoked, progress };
}

function aSink(confirmMs = 3_600_000) {
  const store = aSlowStore();
  const warnings: string[] = [];
  const notes = createNotes({
    ...{ progress: store.progress, topic: 'state', database: 'queuefold', confirmMs, keptMs: 3_600_000 },
    logger: pino({ level: 'warn' }, { write: (line: string) => warnings.push(line) }),
  });
  notes.begin(0, null);
  return { ...store, notes, warnings };
}

const upTo = (offset: number): ReadonlyMap<number, Note> => new Map([[0, { offset, watermark: 1 }]]);
const anchor = (offset: number): Anchor => ({ conversationId: `c${offset}`, partition: 0, offset, enteredMs: null });

test.each([1, 2, 3, 4])('a note that is written while a slow look is under way is no loss (%i)', async (turn) => {
  const { notes, warnings, noted } = aSink();
  const first = notes.write(upTo(10));
  await turns(turn);
  const second = notes.write(upTo(20));
  expect(await Promise.all([first, second])).toEqual([true, true]);
  expect(warnings).toEqual([]);
  expect(noted.get(0)).toBe(20);
});

test.each([1, 2, 3, 4])('the last note of a sink waits for the one that is under way (%i)', async (turn) => {
  const { notes, warnings, revoked } = aSink();
  const first = notes.write(upTo(10));
  await turns(turn);
  await notes.writeLast(upTo(20));
  await first;
  expect(warnings).toEqual([]);
  expect(revoked).toEqual([]);
});

test('a row that is stored while a slow look is under way is no loss', async () => {
  const { notes, warnings, rows } = aSink();
  const looking = notes.write(upTo(10));
  await turns(1);
  rows.add(10);
  notes.stored([anchor(10)]);
  expect(await looking).toBe(true);
  expect(await notes.write(upTo(11))).toBe(true);
  expect(warnings).toEqual([]);
});

test('a partition that went away during a look is not looked for after it came back', async () => {
  const { notes, warnings, noted } = aSink();
  const looking = notes.write(upTo(10));
  await turns(1);
  notes.forget(0);
  notes.begin(0, null);
  await looking;
  // Another sink read it from the beginning in the meantime, after the tables were emptied.
  noted.clear();
  expect(await notes.write(upTo(5))).toBe(true);
  expect(warnings).toEqual([]);
});

test('a row or a note that is really missing is a loss, and ends the sink once it has shown for long enough', async () => {
  const { notes, warnings, rows, revoked } = aSink(0);
  rows.add(9);
  notes.stored([anchor(9)]);
  expect(await notes.write(upTo(10))).toBe(true);
  rows.clear();
  await expect(notes.write(upTo(11))).rejects.toThrow('lost rows while the sink ran: something');
  expect(warnings).toHaveLength(1);
  expect(revoked).toEqual([11]);
});

test('a clock that is set forward does not confirm a loss', async () => {
  const { notes, rows, revoked } = aSink(60_000);
  rows.add(9);
  notes.stored([anchor(9)]);
  expect(await notes.write(upTo(10))).toBe(true);
  rows.clear();
  expect(await notes.write(upTo(11))).toBe(false);
  const now = Date.now();
  const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 600_000);
  try {
    expect(await notes.write(upTo(12))).toBe(false);
    expect(revoked).toEqual([]);
  } finally {
    clock.mockRestore();
  }
});

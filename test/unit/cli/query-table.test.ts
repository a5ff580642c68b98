import { describe, expect, test } from '@jest/globals';
import { changesSince } from '../../../src/cli/query/changes';
import { parseTable, renderTable, type ResultTable } from '../../../src/cli/query/table';

const table = (names: string[], ...rows: string[][]): ResultTable => ({
  names,
  types: names.map(() => 'String'),
  rows,
});
/** Where something is new, as `row,column`. */
const changes = (before: ResultTable | null, now: ResultTable): string[] => {
  const isChanged = changesSince(before, now);
  return now.rows.flatMap((cells, row) =>
    cells.flatMap((_, column) => (isChanged(row, column) ? [`${row},${column}`] : [])),
  );
};

describe('what is new in a result', () => {
  const names = ['queue', 'medium', 'waiting'];
  const before = table(names, ['sales', 'Voice', '1'], ['sales', 'Email', '2'], ['help', 'Voice', '3']);

  test('is nothing the first time, and nothing when it is the same', () => {
    expect(changes(null, before)).toEqual([]);
    expect(changes(before, before)).toEqual([]);
  });

  test('is the cell that differs, also when rows have come, gone and moved', () => {
    const now = table(names, ['help', 'Voice', '4'], ['new', 'Voice', '1'], ['sales', 'Email', '2']);
    expect(changes(before, now)).toEqual(['0,2', '1,0', '1,1', '1,2']);
  });

  test('is the cell of the only row, whatever comes first in it', () => {
    expect(changes(table(['now', 'count'], ['10:00', '1']), table(['now', 'count'], ['10:01', '1']))).toEqual(['0,0']);
  });

  test('takes texts that look alike when they are joined for what they are', () => {
    const two = table(['a', 'b'], ['1:x', 'y'], ['1:x', 'z']);
    expect(changes(two, table(['a', 'b'], ['1:x', 'y'], ['1:x1:z', '']))).toEqual(['1,0', '1,1']);
  });

  test('is no duration that grew with the clock, but one that began again', () => {
    const columns = ['id', 'seconds', 'oldest_waiting_seconds', 'offers'];
    const was = table(columns, ['c1', '7', '90', '1'], ['c2', '8', 'NULL', '1']);
    expect(changes(was, table(columns, ['c1', '8', '2', '2'], ['c2', '10', '1', '1']))).toEqual(['0,2', '0,3', '1,2']);
  });

  test('is nothing when the result has other columns', () => {
    expect(changes(before, table(['other'], ['x']))).toEqual([]);
  });
});

describe('a table with marks', () => {
  const shown = table(['id', 'state'], ['c1', 'waiting'], ['c2', 'talking']);
  const isChanged = (row: number, column: number) => row === 1 && column === 1;
  const render = (by: 'reverse' | 'star', width?: number) =>
    renderTable(shown, { width, height: undefined, marks: { isChanged, by } });

  test('shows a changed cell in reverse video, its neighbours as they are', () => {
    expect(render('reverse')).toBe(
      ['id  state', '──  ───────', 'c1  waiting', 'c2  \x1b[7mtalking\x1b[0m', ''].join('\n'),
    );
  });

  test('or with a star behind it, within the width', () => {
    expect(render('star')).toBe(['id   state', '──   ───────', 'c1   waiting', 'c2   talking*', ''].join('\n'));
    const wide = table(['id', 'text'], ['c1', 'x'.repeat(30)]);
    const lines = renderTable(wide, { width: 20, height: undefined, marks: { isChanged: () => true, by: 'star' } });
    expect(lines.split('\n')[2]).toBe(`c1*  ${'x'.repeat(13)}…*`);
  });

  test('also where the rows are written one below the other', () => {
    expect(render('star', 8)).toContain('Row 2\nid     c2\nstate  talki…*\n');
  });
});

describe('a table that does not fit the terminal', () => {
  const names = ['id', 'queue', 'state', 'seconds', 'comment'];
  const rows = Array.from({ length: 9 }, (_, i) => [`conversation ${i}`, 'Billing', 'connected', '7', 'x'.repeat(50)]);
  const wide = table(names, ...rows);

  test('has its rows one below the other, as long as they are seen at once', () => {
    const two = { ...wide, rows: wide.rows.slice(0, 2) };
    expect(renderTable(two, { width: 40, height: 14 })).toMatch(/^Row 1\nid {7}conversation 0\n/);
    expect(renderTable(wide, { width: 40, height: undefined })).toMatch(/^Row 1\n/);
  });

  test('has else as many columns as can be read, and names the others', () => {
    const lines = renderTable(wide, { width: 40, height: 14 }).split('\n');
    expect(lines[0]).toBe('id              queue    state');
    expect(lines[2]).toBe('conversation 0  Billing  connected');
    expect(lines.slice(-2)).toEqual(['… and 2 more columns: seconds, comment', '']);
    expect(lines).toHaveLength(2 + 9 + 2);
    // Where it is shown again and again, nothing scrolls.
    const counted = renderTable(wide, { width: 40, height: 9, overflow: 'counted' }).split('\n');
    expect(counted.slice(-3)).toEqual(['… and 6 more', '… and 2 more columns: seconds, comment', '']);
    expect(counted).toHaveLength(2 + 3 + 3);
  });

  test('has its headings also without rows, and keeps its shape while it is watched', () => {
    expect(renderTable({ ...wide, rows: [] }, { width: 20, height: 14 })).toBe(
      ['id  queue  state', '──  ─────  ─────', '… and 2 more column…', ''].join('\n'),
    );
    const two = { ...wide, rows: wide.rows.slice(0, 2) };
    expect(renderTable(two, { width: 40, height: 30, overflow: 'counted' })).toMatch(/^id {14}queue/);
    const one = { ...wide, rows: wide.rows.slice(0, 1) };
    expect(renderTable(one, { width: 40, height: 30, overflow: 'counted' })).toMatch(/^Row 1\n/);
  });

  test('has its times without day and fraction, unless all of it fits', () => {
    const row = (id: string, since: string): string[] => [id, since, 'NULL'];
    const times: ResultTable = {
      names: ['id', 'since', 'until'],
      types: ['String', "DateTime64(3, 'UTC')", "Nullable(DateTime64(3, 'UTC'))"],
      rows: [row('c1', '2026-11-29 20:42:22.834'), row('c2', '2026-11-29 20:43:00.001')],
    };
    const second = (shown: ResultTable, width: number): string | undefined =>
      renderTable(shown, { width, height: 5 }).split('\n')[2];
    expect(second(times, 40)).toBe('c1  2026-11-29 20:42:22.834  NULL');
    expect(second(times, 30)).toBe('c1  20:42:22  NULL');
    const twoDays = { ...times, rows: [...times.rows, row('c3', '2026-11-30 00:00:01.000')] };
    expect(second(twoDays, 30)).toBe('c1  11-29 20:42:22  NULL');
  });

  test('is never wider than the terminal', () => {
    for (const width of [20, 40, 60, 80, 100]) {
      const lines = renderTable(wide, { width, height: 5 }).split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    }
  });
});

test('a null is told from a text by the way in which ClickHouse writes it', () => {
  const text = '["a"]\n["Nullable(String)"]\n["ᴺᵁᴸᴸ"]\n[""]\n';
  expect(parseTable(text)?.rows).toEqual([['NULL'], ['']]);
  expect(parseTable('a,b\n1,2\n')).toBeNull();
});

import type { IsChanged, ResultTable } from './table';

/**
 * Finds what is new in a result: cells that differ, and rows that were not there. There is no primary key. So the first
 * columns identify a row: as many as distinguish all rows in both results. A single row always stays the same row. Null
 * before: nothing is new.
 */
export function changesSince(before: ResultTable | null, now: ResultTable): IsChanged {
  if (before === null || before.names.join('\0') !== now.names.join('\0')) return () => false;
  const keyColumns = leastKey(before, now);
  const known = new Map(before.rows.map((row) => [keyOf(row, keyColumns), row]));
  return (row, column) => {
    const cells = now.rows[row] ?? [];
    return known.get(keyOf(cells, keyColumns))?.[column] !== cells[column];
  };
}

function leastKey(...tables: readonly ResultTable[]): number {
  const most = tables[0]?.names.length ?? 0;
  let columns = 0;
  while (columns < most && !tables.every(({ rows }) => isKey(rows, columns))) columns += 1;
  return columns;
}

function isKey(rows: ResultTable['rows'], columns: number): boolean {
  return new Set(rows.map((row) => keyOf(row, columns))).size === rows.length;
}

/** Texts of ClickHouse may contain anything, so each one comes with its length. */
function keyOf(row: readonly string[], columns: number): string {
  return row
    .slice(0, columns)
    .map((cell) => `${cell.length}:${cell}`)
    .join('');
}

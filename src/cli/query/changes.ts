import type { IsChanged, ResultTable } from './table';

/** Between two results of `--watch`, also of a slow server. */
const MOST_TICK_SECONDS = 10;

/**
 * Finds what is new in a result: cells that differ, and rows that were not there. There is no primary key. So the first
 * columns identify a row: as many as distinguish all rows in both results. A single row always stays the same row. Null
 * before: nothing is new. Seconds that grow with the clock are not new.
 */
export function changesSince(before: ResultTable | null, now: ResultTable): IsChanged {
  if (before === null || before.names.join('\0') !== now.names.join('\0')) return () => false;
  const keyColumns = leastKey(before, now);
  const known = new Map(before.rows.map((row) => [keyOf(row, keyColumns), row]));
  return (row, column) => {
    const cells = now.rows[row] ?? [];
    const cell = known.get(keyOf(cells, keyColumns))?.[column];
    return cell !== cells[column] && !(isSeconds(now.names[column]) && isTick(cell, cells[column]));
  };
}

const isSeconds = (name: string | undefined): boolean => name !== undefined && /(?:^|_)seconds$/.test(name);

/** Whether the second result may come from a clock that went on since the first. */
function isTick(before: string | undefined, now: string | undefined): boolean {
  const growth = Number(now) - Number(before);
  return growth > 0 && growth <= MOST_TICK_SECONDS;
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

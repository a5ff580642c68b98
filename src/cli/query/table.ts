import { fit, widthOf } from '../board/width';

export interface ResultTable {
  readonly names: readonly string[];
  readonly types: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The format that `parseTable` reads: every value as ClickHouse's text, with its column's type. */
export const TABLE_FORMAT = 'JSONCompactStringsEachRowWithNamesAndTypes';
/** How that format writes a null. */
const NULL_TEXT = 'ᴺᵁᴸᴸ';

/** Null: the statement chose a format of its own, or has no result. */
export function parseTable(text: string): ResultTable | null {
  try {
    const lines = text.split('\n').filter((line) => line !== '');
    const parsed = lines.map((line): unknown => JSON.parse(line));
    if (!parsed.every(isTexts)) return null;
    const [names, types, ...rows] = parsed;
    if (names === undefined || types?.length !== names.length) return null;
    return { names, types, rows: rows.map((row) => row.map((value) => (value === NULL_TEXT ? 'NULL' : value))) };
  } catch {
    return null;
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Whether the cell in this row and column has changed. */
export type IsChanged = (row: number, column: number) => boolean;

export interface Window {
  /** How wide it may be, in cells; undefined: of any width (no terminal). */
  readonly width: number | undefined;
  /** How many lines the user sees at once; undefined: any number. */
  readonly height: number | undefined;
  /** Rows that do not fit are counted instead of shown. */
  readonly overflow?: 'counted';
  /** The cells to mark, in reverse video or with a star behind them. Absent: none. */
  readonly marks?: { readonly isChanged: IsChanged; readonly by: 'reverse' | 'star' };
}

const GAP = '  ';
/** A narrower column says nothing. */
const LEAST_CELLS = 12;
const LEAST_VALUE_CELLS = 6;

/**
 * Aligns the columns, numbers to the right, and cuts them to the terminal's width: first days and fractions of times,
 * then the widest columns. If they still do not fit, it writes the values of each row one below the other. If that needs
 * more lines than the user sees at once, it leaves out the last columns and names them. Without a terminal it cuts
 * nothing.
 */
export function renderTable(table: ResultTable, window: Window): string {
  const isUncut = totalOf(naturalWidths(table)) <= roomOf(table, window);
  const short = isUncut ? table : withShortTimes(table);
  const widths = fittingWidths(short, window);
  if (widths !== null) return horizontal(short, widths, window, []);
  if (isForVertical(table, window)) return vertical(table, window);
  for (let columns = table.names.length - 1; columns > 0; columns -= 1) {
    const fewer = firstColumns(short, columns);
    const fitting = fittingWidths(fewer, window);
    if (fitting !== null) return horizontal(fewer, fitting, window, table.names.slice(columns));
  }
  return vertical(table, window);
}

function firstColumns({ names, types, rows }: ResultTable, columns: number): ResultTable {
  const first = (cells: readonly string[]) => cells.slice(0, columns);
  return { names: first(names), types: first(types), rows: rows.map(first) };
}

/** Times as `20:42:22` if all of the column are of one day, otherwise as `11-29 20:42:22`. */
function withShortTimes({ names, types, rows }: ResultTable): ResultTable {
  const begins = types.map((type, column) => {
    if (!/^(?:Nullable\()?DateTime/.test(type)) return null;
    const days = new Set(rows.flatMap((cells) => (isTime(cells[column]) ? [cells[column].slice(0, 10)] : [])));
    return days.size === 1 ? 11 : 5;
  });
  const short = (cell: string, begin: number | null | undefined): string =>
    typeof begin === 'number' && isTime(cell) ? cell.slice(begin, 19) : cell;
  return { names, types, rows: rows.map((cells) => cells.map((cell, column) => short(cell, begins[column]))) };
}

const isTime = (cell: string | undefined): cell is string => cell !== undefined && /^\d{4}-\d\d-\d\d \d\d:/.test(cell);

function horizontal(table: ResultTable, widths: readonly number[], window: Window, leftOut: readonly string[]): string {
  const { width, height, overflow } = window;
  const align = table.types.map((type) => (isNumeric(type) ? 'right' : 'left'));
  const mark = markOf(window);
  const line = (cells: readonly string[], row: number | null) =>
    cells
      .map((cell, column) => mark(fit(cell, widths[column] ?? 0, align[column]), row, column))
      .join(GAP)
      .trimEnd();
  const columns = leftOut.length === 0 ? [] : [`… and ${leftOut.length} more columns: ${leftOut.join(', ')}`];
  // A line for the time above, and one for the cursor below.
  const others = 4 + columns.length;
  const room = height === undefined || overflow === undefined ? table.rows.length : Math.max(1, height - others);
  const shown = table.rows.length > room ? table.rows.slice(0, room - 1) : table.rows;
  const hidden = table.rows.length - shown.length;
  return [
    line(table.names, null),
    line(
      widths.map((cells) => '─'.repeat(cells)),
      null,
    ),
    ...shown.map(line),
    ...(hidden > 0 ? [`… and ${hidden} more`] : []),
    ...columns.map((text) => fit(text, width ?? widthOf(text)).trimEnd()),
    '',
  ].join('\n');
}

/** Marks a cell that was cut and padded. A heading gets the same room. */
function markOf({ marks }: Window): (cell: string, row: number | null, column: number) => string {
  if (marks === undefined) return (cell) => cell;
  const { isChanged, by } = marks;
  return (cell, row, column) => {
    const changed = row !== null && isChanged(row, column);
    if (by === 'star') return `${cell}${changed ? '*' : ' '}`;
    return changed ? `\x1b[7m${cell}\x1b[0m` : cell;
  };
}

function naturalWidths({ names, rows }: ResultTable): readonly number[] {
  return names.map((name, column) =>
    rows.reduce((widest, row) => Math.max(widest, widthOf(row[column] ?? '')), widthOf(name)),
  );
}

const totalOf = (widths: readonly number[]): number => widths.reduce((sum, cells) => sum + cells, 0);

/** How many cells all columns have together. */
function roomOf({ names }: ResultTable, { width = Infinity, marks }: Window): number {
  const stars = marks?.by === 'star' ? names.length : 0;
  return width - GAP.length * (names.length - 1) - stars;
}

/** The widest columns give way first. Null: not even the least widths fit. */
function fittingWidths(table: ResultTable, window: Window): readonly number[] | null {
  const natural = naturalWidths(table);
  const { width } = window;
  if (width === undefined) return natural;
  const room = roomOf(table, window);
  const capped = (cap: number) => natural.map((cells) => Math.min(cells, cap));
  const total = (cap: number) => totalOf(capped(cap));
  if (total(LEAST_CELLS) > room) return null;
  let cap = LEAST_CELLS;
  while (cap < width && total(cap + 1) <= room) cap += 1;
  return capped(cap);
}

/**
 * Whether all of it fits into the window. A result that is shown again and again keeps its shape while rows come and
 * go.
 */
function isForVertical({ names, rows }: ResultTable, { height = Infinity, overflow }: Window): boolean {
  const lines = rows.length * (names.length + 2);
  if (overflow === 'counted') return rows.length === 1 && lines < height - 1;
  return rows.length > 0 && lines <= height;
}

function vertical({ names, rows }: ResultTable, window: Window): string {
  const nameWidth = Math.max(...names.map(widthOf));
  const star = window.marks?.by === 'star' ? 1 : 0;
  const valueWidth = Math.max(LEAST_VALUE_CELLS, (window.width ?? Infinity) - nameWidth - GAP.length - star);
  const mark = markOf(window);
  const lines = rows.flatMap((cells, row) => [
    `Row ${row + 1}`,
    ...names.map((name, column) => {
      const value = cells[column] ?? '';
      const cell = fit(value, Math.min(widthOf(value), valueWidth));
      return `${fit(name, nameWidth)}${GAP}${mark(cell, row, column)}`.trimEnd();
    }),
    '',
  ]);
  return lines.length === 0 ? '\n' : lines.join('\n');
}

function isNumeric(type: string): boolean {
  return /^(?:Nullable\(|LowCardinality\()*(?:U?Int|Float|BFloat|Decimal)/.test(type);
}

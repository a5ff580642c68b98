import { fit, widthOf } from '../board/width';
import type { IsChanged } from './changes';

export interface ResultTable {
  readonly names: readonly string[];
  readonly types: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What `toTable` reads: every value as text, as ClickHouse writes it, with its column's type. */
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

export interface Window {
  /** Cells; undefined: as wide as it gets (no terminal). */
  readonly width: number | undefined;
  /** Lines for all; undefined: no limit. */
  readonly height: number | undefined;
  /** Cells to be marked: in reverse video, or by a star behind them. Absent: none. */
  readonly marks?: { readonly isChanged: IsChanged; readonly by: 'reverse' | 'star' };
}

const GAP = '  ';
/** Narrower columns say nothing; the rows are then written one below the other. */
const LEAST_CELLS = 6;

/** Columns aligned, numbers to the right, cut to the terminal's width. Without a terminal nothing is cut. */
export function renderTable(table: ResultTable, window: Window): string {
  const { height } = window;
  const widths = fittingWidths(table, window);
  if (widths === null) return vertical(table, window);
  const align = table.types.map((type) => (isNumeric(type) ? 'right' : 'left'));
  const mark = markOf(window);
  const line = (cells: readonly string[], row: number | null) =>
    cells
      .map((cell, column) => mark(fit(cell, widths[column] ?? 0, align[column]), row, column))
      .join(GAP)
      .trimEnd();
  const room = height === undefined ? table.rows.length : Math.max(1, height - 4);
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
    '',
  ].join('\n');
}

/** Marks a cell that was cut and padded; what is no row (a heading) gets the same room. */
function markOf({ marks }: Window): (cell: string, row: number | null, column: number) => string {
  if (marks === undefined) return (cell) => cell;
  const { isChanged, by } = marks;
  return (cell, row, column) => {
    const changed = row !== null && isChanged(row, column);
    if (by === 'star') return `${cell}${changed ? '*' : ' '}`;
    return changed ? `\x1b[7m${cell}\x1b[0m` : cell;
  };
}

/** The widest give way first. Null: not even the least widths fit. */
function fittingWidths({ names, rows }: ResultTable, { width, marks }: Window): readonly number[] | null {
  const natural = names.map((name, column) =>
    rows.reduce((widest, row) => Math.max(widest, widthOf(row[column] ?? '')), widthOf(name)),
  );
  if (width === undefined) return natural;
  const stars = marks?.by === 'star' ? names.length : 0;
  const room = width - GAP.length * (names.length - 1) - stars;
  const capped = (cap: number) => natural.map((cells) => Math.min(cells, cap));
  const total = (cap: number) => capped(cap).reduce((sum, cells) => sum + cells, 0);
  if (total(LEAST_CELLS) > room) return null;
  let cap = LEAST_CELLS;
  while (cap < width && total(cap + 1) <= room) cap += 1;
  return capped(cap);
}

function vertical({ names, rows }: ResultTable, window: Window): string {
  const nameWidth = Math.max(...names.map(widthOf));
  const star = window.marks?.by === 'star' ? 1 : 0;
  const valueWidth = Math.max(LEAST_CELLS, (window.width ?? Infinity) - nameWidth - GAP.length - star);
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

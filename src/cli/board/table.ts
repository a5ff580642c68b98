import { fit, widthOf } from './width';

/** One column of a table that has to fit into a window. Widths are cells. */
export interface Column<T, M> {
  /** Headings, the shortest last. The table takes the longest one that fits. */
  readonly head: readonly [string, ...string[]];
  readonly min: number;
  readonly max: number;
  /** Columns with a greater number stay longer when the window gets narrow. */
  readonly keep: number;
  readonly align: 'left' | 'right';
  text(item: T, model: M): string;
}

export interface Layout<T, M> {
  readonly heading: string;
  /** A line. Each cell goes through `dress` after it was cut and padded. */
  cells(item: T, dress: (column: Column<T, M>, cell: string) => string): string;
}

const GAP = '  ';

/** Leaves columns out until the others fit with their least width, and then widens these to what the contents need. */
export function layOut<T, M>(
  columns: readonly Column<T, M>[],
  items: readonly T[],
  model: M,
  width: number,
): Layout<T, M> {
  const shown = thatFit(columns, width);
  const widths = new Map(shown.map((column) => [column, Math.min(column.min, width)]));
  let spare = width - totalWidth(shown);
  // By importance, so that names get their room first.
  for (const column of [...shown].sort((left, right) => right.keep - left.keep)) {
    const wanted = Math.max(widthOf(column.head[0]), ...items.map((item) => widthOf(column.text(item, model))));
    const more = Math.max(0, Math.min(spare, Math.min(column.max, wanted) - column.min));
    widths.set(column, (widths.get(column) ?? 0) + more);
    spare -= more;
  }
  const cell = (column: Column<T, M>, text: string) => fit(text, widths.get(column) ?? 0, column.align);
  return {
    heading: shown.map((column) => cell(column, headOf(column, widths.get(column) ?? 0))).join(GAP),
    cells: (item, dress) => shown.map((column) => dress(column, cell(column, column.text(item, model)))).join(GAP),
  };
}

function thatFit<T, M>(columns: readonly Column<T, M>[], width: number): readonly Column<T, M>[] {
  let shown = columns;
  while (shown.length > 1 && totalWidth(shown) > width) {
    const least = shown.reduce((left, right) => (right.keep < left.keep ? right : left));
    shown = shown.filter((column) => column !== least);
  }
  return shown;
}

function totalWidth<T, M>(columns: readonly Column<T, M>[]): number {
  return columns.reduce((total, { min }) => total + min, 0) + GAP.length * (columns.length - 1);
}

function headOf<T, M>({ head }: Column<T, M>, width: number): string {
  return head.find((text) => text.length <= width) ?? head.at(-1) ?? '';
}

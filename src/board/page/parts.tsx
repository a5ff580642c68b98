import type { ComponentChildren, RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { count, duration, isoDuration } from './format';
import type { Urgency } from './preferences';
import { inSight, useSight } from './sight';

/** The parts that the pages share. */

/** A number that needs attention shows it by more than its color. A zero is dimmed. */
export function Value(props: {
  readonly urgency?: Urgency;
  readonly isZero?: boolean;
  readonly children: ComponentChildren;
}) {
  const { urgency = 'fine', isZero, children } = props;
  return (
    <span class={`value ${urgency === 'fine' && isZero === true ? 'zero' : urgency}`}>
      {urgency === 'fine' ? null : <span class="sign" role="img" aria-label={urgency} />}
      {children}
    </span>
  );
}

export function Count({ of, urgency = 'fine' }: { readonly of: number; readonly urgency?: Urgency }) {
  return (
    <Value urgency={urgency} isZero={of === 0}>
      {count(of)}
    </Value>
  );
}

/** Null: nobody waits, or nobody talks. */
export function Time({ ms, urgency = 'fine' }: { readonly ms: number | null; readonly urgency?: Urgency }) {
  if (ms === null) return <span class="value zero">–</span>;
  return (
    <Value urgency={urgency}>
      <time dateTime={isoDuration(ms)}>{duration(ms)}</time>
    </Value>
  );
}

export interface Figure {
  readonly label: string;
  readonly value: ComponentChildren;
  readonly note?: string | undefined;
}

/** Numbers in a row of tiles. It is no live region, which would never stop talking. */
export function Figures({ label, figures }: { readonly label: string; readonly figures: readonly Figure[] }) {
  return (
    <dl class="totals" aria-label={label}>
      {figures.map(({ label: name, value, note }) => (
        <div key={name} data-total={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {note === undefined ? null : <small> {note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/**
 * Keeps the keyboard's focus when rows change places, because an element loses it when it moves. If its row has gone,
 * the table gets the focus, if it can.
 * @returns the element in the table that had the focus before this rendering; null: none
 */
export function useKeptFocus(table: RefObject<HTMLElement>): HTMLElement | null {
  const { activeElement } = document;
  const isInside = activeElement instanceof HTMLElement && table.current?.contains(activeElement) === true;
  const focused = isInside ? activeElement : null;
  useLayoutEffect(() => {
    if (focused === null || document.activeElement === focused) return;
    (focused.isConnected ? focused : table.current)?.focus({ preventScroll: true });
  });
  return focused;
}

export interface Column<T> {
  readonly head: string;
  /** `end`: for numbers. */
  readonly align?: 'end';
  /** The column is hidden where there is little room. */
  readonly isMinor?: true;
  readonly cell: (row: T) => ComponentChildren;
}

/** A cell's text: one line of it, two on a phone; the whole text under the mouse. */
export function Text({ children, isDim }: { readonly children: string; readonly isDim?: boolean }) {
  return (
    <span class={isDim === true ? 'text zero' : 'text'} title={children}>
      {children}
    </span>
  );
}

/** A table in a `main` that scrolls. All rows have the same height, so longer text is cut off. */
export function Table<T>(props: {
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  /** The rows' `data-` attribute and class, for style sheet and tests. */
  readonly name: string;
  readonly classOf?: (row: T) => string;
}) {
  const { columns, rows, keyOf, name, classOf } = props;
  const frame = useRef<HTMLDivElement>(null);
  const focused = useKeptFocus(frame)?.closest('tr')?.dataset[name];
  const sight = useSight(frame, rows.length);
  const kept = focused === undefined ? -1 : rows.findIndex((row) => keyOf(row) === focused);
  const classOfColumn = ({ align, isMinor }: Column<T>): string =>
    [align ?? '', isMinor === true ? 'minor' : ''].join(' ').trim();
  return (
    <div class="frame" ref={frame}>
      <table class="list" aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" class={classOfColumn(column)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {inSight(rows, sight, kept, (row, index) => (
            <tr
              key={keyOf(row)}
              {...{ [`data-${name}`]: keyOf(row) }}
              class={classOf?.(row) ?? ''}
              aria-rowindex={index + 2}
            >
              {columns.map((column) => (
                <td key={column.head} class={classOfColumn(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The link back, and the page's name. */
export function Title({ children, note }: { readonly children: ComponentChildren; readonly note?: ComponentChildren }) {
  return (
    <div class="title">
      <a class="back" href="#/">
        ← All queues
      </a>
      <h1>{children}</h1>
      {note === undefined ? null : <p class="of">{note}</p>}
    </div>
  );
}

import { useSignal } from '@preact/signals';
import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useLayoutEffect } from 'preact/hooks';

/** The page contains only the rows in sight and the row with the focus, so 5,000 rows cost as much as 50. */

const EXTRA_ROWS = 8;
/** The height until the first row is drawn. */
const USUAL_HEIGHT = 44;

export interface Sight {
  /** The first row in the page. */
  readonly first: number;
  /** The row after the last one in the page. */
  readonly last: number;
  /** The height of each row, in pixels. */
  readonly rowHeight: number;
}

/**
 * The rows in sight; all rows have the same height.
 * @param table the element with the table's body; it scrolls, or its `main` does
 * @param count the number of all rows
 */
export function useSight(table: RefObject<HTMLElement>, count: number): Sight {
  const rowHeight = useSignal(USUAL_HEIGHT);
  const firstInSight = useSignal(0);
  const rowsInSight = useSignal(Math.ceil(innerHeight / USUAL_HEIGHT));
  useEffect(() => {
    const scroller = table.current?.closest('[data-scrolls]');
    if (scroller === null || scroller === undefined) return undefined;
    const look = (): void => {
      const body = table.current?.querySelector('tbody');
      if (body === null || body === undefined) return;
      const above = scroller.getBoundingClientRect().top - body.getBoundingClientRect().top;
      firstInSight.value = Math.max(0, Math.floor(above / rowHeight.peek()));
      rowsInSight.value = Math.ceil(scroller.clientHeight / rowHeight.peek()) + 1;
    };
    look();
    scroller.addEventListener('scroll', look, { passive: true });
    const observer = new ResizeObserver(look);
    observer.observe(scroller);
    return () => {
      scroller.removeEventListener('scroll', look);
      observer.disconnect();
    };
  }, [count === 0]);
  useLayoutEffect(() => {
    const height = table.current?.querySelector('tbody tr:not(.space)')?.getBoundingClientRect().height ?? 0;
    if (height > 0) rowHeight.value = height;
  });
  const last = Math.min(count, firstInSight.value + rowsInSight.value + EXTRA_ROWS);
  return { first: Math.max(0, Math.min(last, firstInSight.value) - EXTRA_ROWS), last, rowHeight: rowHeight.value };
}

/**
 * The rows in sight, with empty space for the others.
 * @param keep the row that stays in the page wherever it is; -1: none
 */
export function inSight<T>(
  list: readonly T[],
  { first, last, rowHeight }: Sight,
  keep: number,
  row: (item: T, index: number) => ComponentChildren,
) {
  const indexes = Array.from({ length: last - first }, (_, index) => first + index);
  if (keep !== -1 && keep < first) indexes.unshift(keep);
  if (keep >= last) indexes.push(keep);
  const space = (key: string, rows: number) =>
    rows === 0 ? [] : [<tr key={key} class="space" aria-hidden="true" style={{ height: `${rows * rowHeight}px` }} />];
  let next = 0;
  const rows = indexes.flatMap((index) => {
    const item = list[index];
    if (item === undefined) return [];
    const gap = space(next === 0 ? 'above' : 'between', index - next);
    next = index + 1;
    return [...gap, row(item, index)];
  });
  return [...rows, ...space('below', list.length - next)];
}

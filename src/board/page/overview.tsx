import { computed, signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { count, duration, isoDuration, share } from './format';
import { sumQueues, total, type QueueRow } from './model';
import { above, below, media, pinned, sortBy, thresholdsFor, type SortBy, type Urgency } from './preferences';
import { queueLink } from './route';
import { clock, currentLines } from './travel';

export const search = signal('');

const rows = computed(() => sumQueues(currentLines.value, media.value));
const shown = computed(() => {
  const text = search.value.trim().toLocaleLowerCase();
  const found = text === '' ? rows.value : rows.value.filter(({ label }) => label.toLocaleLowerCase().includes(text));
  const { by, down } = sortBy.value;
  const pins = new Set(pinned.value);
  return found.toSorted(
    (a, b) =>
      Number(pins.has(b.queueId)) - Number(pins.has(a.queueId)) ||
      (down ? -1 : 1) * compare(a, b, by) ||
      a.label.localeCompare(b.label) ||
      (a.queueId < b.queueId ? -1 : 1),
  );
});
export const allMedia = computed(() =>
  [...new Set(currentLines.value.flatMap(({ media: of }) => of ?? []))].toSorted((a, b) => a.localeCompare(b)),
);

function compare(a: QueueRow, b: QueueRow, by: SortBy): number {
  switch (by) {
    case 'label':
      return a.label.localeCompare(b.label);
    case 'waiting':
      return a.live.waiting - b.live.waiting;
    case 'oldest':
      return (b.live.oldestWaitingSince ?? Infinity) - (a.live.oldestWaitingSince ?? Infinity) || 0;
    case 'talking':
      return a.live.talking - b.live.talking;
    case 'acw':
      return a.live.afterCallWork - b.live.afterCallWork;
    case 'offered':
      return a.day.offered - b.day.offered;
    case 'answered':
      return a.day.answered - b.day.answered;
    case 'abandoned':
      return a.day.abandoned - b.day.abandoned;
    case 'level':
      return (a.serviceLevel ?? 2) - (b.serviceLevel ?? 2);
  }
}

const COLUMNS: readonly { readonly by: SortBy; readonly head: string; readonly title: string; readonly day?: true }[] =
  [
    { by: 'label', head: 'Queue', title: 'Queue' },
    { by: 'waiting', head: 'Waiting', title: 'Customers who wait now; in brackets: an agent’s phone rings for them' },
    { by: 'oldest', head: 'Longest wait', title: 'How long the customer waits who waits longest' },
    { by: 'talking', head: 'Talking', title: 'Conversations with an agent' },
    { by: 'acw', head: 'After-call', title: 'Agents in after-call work' },
    { by: 'offered', head: 'Offered', title: 'Today: customers who came into the queue', day: true },
    { by: 'answered', head: 'Answered', title: 'Today: answered by an agent', day: true },
    { by: 'abandoned', head: 'Abandoned', title: 'Today: gave up while they waited', day: true },
    { by: 'level', head: 'Service level', title: 'Today: answered in time, of those answered or abandoned', day: true },
  ];

export function urgenciesOf({
  queueId,
  live,
  serviceLevel,
}: QueueRow): Readonly<Record<'waiting' | 'wait' | 'level', Urgency>> {
  const limits = thresholdsFor(queueId);
  const wait = live.oldestWaitingSince === null ? 0 : (clock.value - live.oldestWaitingSince) / 1000;
  return {
    waiting: above(live.waiting, limits.waitingWarning, limits.waitingAlarm),
    wait: above(wait, limits.waitWarning, limits.waitAlarm),
    level: serviceLevel === null ? 'fine' : below(100 * serviceLevel, limits.levelWarning, limits.levelAlarm),
  };
}

/** A number that needs somebody says so by more than its color. */
export function Cell({
  urgency = 'fine',
  children,
}: {
  readonly urgency?: Urgency;
  readonly children: ComponentChildren;
}) {
  return (
    <span class={`value ${urgency}`}>
      {urgency === 'fine' ? null : <span class="sign" role="img" aria-label={urgency} />}
      {children}
    </span>
  );
}

export function LongestWait({ since, urgency }: { readonly since: number | null; readonly urgency: Urgency }) {
  if (since === null) return <span class="value none">–</span>;
  const ms = clock.value - since;
  return (
    <Cell urgency={urgency}>
      <time dateTime={isoDuration(ms)}>{duration(ms)}</time>
    </Cell>
  );
}

/** As in the style sheet. */
const ROW_HEIGHT = 44;
const EXTRA_ROWS = 8;

/** Only rows in sight are in the page: 5,000 queues cost as much as 50. */
export function Overview() {
  const frame = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => (height.value = element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const list = shown.value;
  const first = Math.max(0, Math.floor(top.value / ROW_HEIGHT) - EXTRA_ROWS);
  const last = Math.min(list.length, Math.ceil((top.value + height.value) / ROW_HEIGHT) + EXTRA_ROWS);
  return (
    <main class="overview">
      <h1 class="hidden">Queues</h1>
      <Totals />
      <div
        class="frame"
        ref={frame}
        onScroll={(event) => (top.value = event.currentTarget.scrollTop)}
        tabIndex={0}
        aria-label="Queues, scrollable"
      >
        <table aria-rowcount={list.length + 1}>
          <caption class="hidden">Queues</caption>
          <thead>
            <tr>
              <th class="pin">
                <span class="hidden">Pinned</span>
              </th>
              {COLUMNS.map(({ by, head, title, day }) => (
                <th key={by} scope="col" class={day ? 'day' : by} aria-sort={ariaSort(by)}>
                  <button type="button" title={title} onClick={() => sort(by)}>
                    {head}
                    <span aria-hidden="true">{sortBy.value.by === by ? (sortBy.value.down ? ' ▾' : ' ▴') : ''}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr class="space" aria-hidden="true" style={{ height: `${first * ROW_HEIGHT}px` }} />
            {list.slice(first, last).map((row, index) => (
              <Row key={row.queueId} row={row} index={first + index} />
            ))}
            <tr class="space" aria-hidden="true" style={{ height: `${(list.length - last) * ROW_HEIGHT}px` }} />
          </tbody>
        </table>
        {list.length === 0 ? (
          <p class="empty">{rows.value.length === 0 ? 'No queue has a conversation.' : 'No queue has such a name.'}</p>
        ) : null}
      </div>
    </main>
  );
}

function Row({ row, index }: { readonly row: QueueRow; readonly index: number }) {
  const { queueId, label, live, day, serviceLevel } = row;
  const urgency = urgenciesOf(row);
  const isPinned = pinned.value.includes(queueId);
  return (
    <tr aria-rowindex={index + 2} data-queue={queueId}>
      <td class="pin">
        <button
          type="button"
          class="pin"
          aria-pressed={isPinned}
          aria-label={`Pin ${label}`}
          onClick={() => pin(queueId)}
        >
          {isPinned ? '★' : '☆'}
        </button>
      </td>
      <th scope="row" class="label">
        <a href={queueLink(queueId)}>{label}</a>
      </th>
      <td data-column="waiting">
        <Cell urgency={urgency.waiting}>{count(live.waiting)}</Cell>
        {live.offered > 0 ? (
          <span class="offered" title="An agent’s phone rings for so many of them">
            {' '}
            ({count(live.offered)})
          </span>
        ) : null}
      </td>
      <td data-column="oldest">
        <LongestWait since={live.oldestWaitingSince} urgency={urgency.wait} />
      </td>
      <td data-column="talking">{count(live.talking)}</td>
      <td data-column="acw">{count(live.afterCallWork)}</td>
      <td class="day" data-column="offered">
        {count(day.offered)}
      </td>
      <td class="day" data-column="answered">
        {count(day.answered)}
      </td>
      <td class="day" data-column="abandoned">
        {count(day.abandoned)}
      </td>
      <td class="day" data-column="level">
        <Cell urgency={urgency.level}>{share(serviceLevel)}</Cell>
      </td>
    </tr>
  );
}

/** All queues together. Not a live region: it would never stop talking. */
function Totals() {
  const { live, day, serviceLevel } = total(shown.value);
  const tiles: readonly (readonly [string, ComponentChildren, string?])[] = [
    ['Waiting', count(live.waiting), live.offered > 0 ? `${count(live.offered)} ringing` : undefined],
    ['Longest wait', <LongestWait since={live.oldestWaitingSince} urgency="fine" />],
    ['Talking', count(live.talking)],
    ['After-call', count(live.afterCallWork)],
    ['Offered today', count(day.offered)],
    ['Abandoned today', count(day.abandoned)],
    ['Service level', share(serviceLevel)],
  ].map(([label, value, note]) => [label, value, note] as readonly [string, ComponentChildren, string?]);
  return (
    <dl class="totals" aria-label="All queues together">
      {tiles.map(([label, value, note]) => (
        <div key={label} data-total={label}>
          <dt>{label}</dt>
          <dd>
            {value}
            {note === undefined ? null : <small> {note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function ariaSort(by: SortBy): 'ascending' | 'descending' | 'none' {
  if (sortBy.value.by !== by) return 'none';
  return sortBy.value.down ? 'descending' : 'ascending';
}

function sort(by: SortBy): void {
  const { by: current, down } = sortBy.value;
  sortBy.value = { by, down: current === by ? !down : by !== 'label' };
}

function pin(queueId: string): void {
  const pins = pinned.value;
  pinned.value = pins.includes(queueId) ? pins.filter((id) => id !== queueId) : [...pins, queueId];
}

export const shownQueues = shown;

import { batch, computed, effect, signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { count, share } from './format';
import { part } from './live';
import { total, type QueueRow, type Totals } from './model';
import { Count, Figures, Time, useKeptFocus, Value, type Figure } from './parts';
import { above, below, media, pinned, sortBy, thresholdsFor, type SortBy, type Urgency } from './preferences';
import { KeptOrder, QueueRows, type Compare } from './queues';
import { queueLink } from './route';
import { inSight, useSight } from './sight';
import { clock, currentLines, travelTo } from './travel';

export const search = signal('');

const queueRows = new QueueRows();
const rows = computed(() => (currentLines.value === null ? null : queueRows.sum(currentLines.value, media.value)));
const names = new Intl.Collator(undefined, { numeric: true });

/** A new function for each new order. */
const compare = computed((): Compare<QueueRow> => {
  const { by, down } = sortBy.value;
  const pins = new Set(pinned.value);
  const value = SORT_VALUES[by];
  const sign = down ? -1 : 1;
  return (a, b) =>
    Number(pins.has(b.queueId)) - Number(pins.has(a.queueId)) ||
    sign * (value === null ? names.compare(a.label, b.label) : value(a) - value(b) || 0) ||
    names.compare(a.label, b.label) ||
    (a.queueId < b.queueId ? -1 : 1);
});
const order = new KeptOrder<QueueRow>();
const sorted = computed(() => (rows.value === null ? null : order.sort(rows.value, compare.value)));

// The page counts and sorts 5,000 queues while they arrive, part by part, so that showing them needs no long task.
effect(() => {
  if (part.value.length > 0) order.prepare(queueRows.prepare(part.value, media.peek()), compare.peek());
});

/** The queues that match the search, in order. Null: there is no picture yet. */
export const shownQueues = computed((): readonly QueueRow[] | null => {
  const text = search.value.trim().toLocaleLowerCase();
  if (text === '') return sorted.value;
  return sorted.value?.filter(({ label }) => label.toLocaleLowerCase().includes(text)) ?? null;
});
/** The totals of those queues. */
export const totals = computed((): Totals | null => (shownQueues.value === null ? null : total(shownQueues.value)));
export const allMedia = computed(() => {
  const found = new Set<string>();
  for (const { media: of } of currentLines.value ?? []) if (of !== null) found.add(of);
  return [...found].toSorted(names.compare);
});

/** The value by which a column is sorted; null: its text. A queue without a value is the least urgent. */
const SORT_VALUES: Readonly<Record<SortBy, ((row: QueueRow) => number) | null>> = {
  label: null,
  waiting: ({ live }) => live.waiting,
  ringing: ({ live }) => live.offered,
  oldest: ({ live }) => -(live.oldestWaitingSince ?? Number.MAX_SAFE_INTEGER),
  talking: ({ live }) => live.talking,
  acw: ({ live }) => live.afterCallWork,
  offered: ({ day }) => day.offered,
  answered: ({ day }) => day.answered,
  abandoned: ({ day }) => day.abandoned,
  level: ({ serviceLevel }) => serviceLevel ?? 2,
};

export type Urgencies = Readonly<Record<'waiting' | 'wait' | 'level', Urgency>>;
const CALM: Urgencies = { waiting: 'fine', wait: 'fine', level: 'fine' };

export const longestWait = ({ live }: Pick<QueueRow, 'live'>): number | null =>
  live.oldestWaitingSince === null ? null : clock.value - live.oldestWaitingSince;

export function urgenciesOf(row: QueueRow): Urgencies {
  const limits = thresholdsFor(row.queueId);
  const { live, serviceLevel } = row;
  return {
    waiting: above(live.waiting, limits.waitingWarning, limits.waitingAlarm),
    wait: above((longestWait(row) ?? 0) / 1000, limits.waitWarning, limits.waitAlarm),
    // As displayed: 80% does not count as less than 80.
    level:
      serviceLevel === null ? 'fine' : below(Math.round(100 * serviceLevel), limits.levelWarning, limits.levelAlarm),
  };
}

/** The component renders again only if one of them changes, not at each tick of the clock. */
export function useUrgencies(row: QueueRow): Urgencies {
  const text = useMemo(() => computed(() => JSON.stringify(urgenciesOf(row))), [row]).value;
  return useMemo(() => JSON.parse(text) as Urgencies, [text]);
}

/** The greatest urgency that needs somebody now; the service level of a day does not. */
export const worstOf = ({ waiting, wait }: Urgencies): Urgency =>
  [waiting, wait].includes('alarm') ? 'alarm' : [waiting, wait].includes('warning') ? 'warning' : 'fine';

interface OverviewColumn {
  readonly by: SortBy;
  readonly head: string;
  readonly title: string;
  readonly when: 'now' | 'day';
  /** Content that ticks is a component of its own. */
  readonly cell: (row: QueueRow, urgency: Urgencies) => ComponentChildren;
}

const COLUMNS: readonly OverviewColumn[] = [
  {
    ...{ by: 'waiting', head: 'Waiting', title: 'Customers who wait now', when: 'now' },
    cell: ({ live }, { waiting }) => <Count of={live.waiting} urgency={waiting} />,
  },
  {
    ...{ by: 'ringing', head: 'Ringing', title: 'Waiting customers for whom an agent’s phone rings', when: 'now' },
    cell: ({ live }) => <Count of={live.offered} />,
  },
  {
    ...{ by: 'oldest', head: 'Longest wait', title: 'How long the first waiting customer has waited', when: 'now' },
    cell: (row, { wait }) => <LongestWait of={row} urgency={wait} />,
  },
  {
    ...{ by: 'talking', head: 'Talking', title: 'Customers who talk to an agent', when: 'now' },
    cell: ({ live }) => <Count of={live.talking} />,
  },
  {
    ...{ by: 'acw', head: 'After-call', title: 'Agents in after-call work', when: 'now' },
    cell: ({ live }) => <Count of={live.afterCallWork} />,
  },
  {
    ...{ by: 'offered', head: 'Offered', title: 'Customers who came into the queue', when: 'day' },
    cell: ({ day }) => <Count of={day.offered} />,
  },
  {
    ...{ by: 'answered', head: 'Answered', title: 'Customers whom an agent answered', when: 'day' },
    cell: ({ day }) => <Count of={day.answered} />,
  },
  {
    ...{ by: 'abandoned', head: 'Abandoned', title: 'Customers who gave up while they waited', when: 'day' },
    cell: ({ day }) => <Count of={day.abandoned} />,
  },
  {
    ...{ by: 'level', head: 'Service level', title: 'Share of customers who were answered in time', when: 'day' },
    cell: ({ serviceLevel }, { level }) => (
      <Value urgency={level} isZero={serviceLevel === null}>
        {share(serviceLevel)}
      </Value>
    ),
  },
];
export function LongestWait({ of, urgency }: { readonly of: Pick<QueueRow, 'live'>; readonly urgency: Urgency }) {
  return <Time ms={longestWait(of)} urgency={urgency} />;
}
const span = (when: 'now' | 'day'): number => COLUMNS.filter((column) => column.when === when).length;
const dayName = computed(() => (travelTo.value === null ? 'today' : 'that day'));

export function Overview() {
  const frame = useRef<HTMLDivElement>(null);
  const focused = useKeptFocus(frame)?.closest('tr')?.dataset['queue'];
  const list = shownQueues.value ?? [];
  const sight = useSight(frame, list.length);
  const kept = focused === undefined ? -1 : list.findIndex(({ queueId }) => queueId === focused);
  return (
    <main class="overview">
      <h1 class="hidden">Queues</h1>
      <Sum />
      <div class="frame" ref={frame} data-scrolls role="region" tabIndex={0} aria-label="Table of queues">
        <table class="queues" aria-rowcount={list.length + 2}>
          <caption class="hidden">Queues</caption>
          <Head />
          <tbody>
            {inSight(list, sight, kept, (row, index) => (
              <Row key={row.queueId} row={row} index={index} />
            ))}
          </tbody>
        </table>
        {list.length === 0 ? <NoQueues /> : null}
      </div>
    </main>
  );
}

function Sum() {
  return <Figures label="All queues together" figures={figuresOf(totals.value)} />;
}

/** Explains why there is nothing to see, and links to something. */
export function NoQueues() {
  const text = search.value.trim();
  const isNarrowed = text !== '' || media.value !== '';
  if (rows.value === null) return <p class="empty">Reading the table …</p>;
  if (!isNarrowed) {
    return (
      <p class="empty">
        {travelTo.value === null
          ? 'No queue has had a conversation today. A queue appears with its first one.'
          : 'No queue had a conversation on that day until then.'}
      </p>
    );
  }
  return (
    <div class="empty">
      <p>
        {text === ''
          ? `No queue has conversations of the medium ${media.value}.`
          : `No queue has “${text}” in its name${media.value === '' ? '' : ` and conversations of the medium ${media.value}`}.`}
      </p>
      <button type="button" onClick={showAll}>
        Show all queues
      </button>
    </div>
  );
}

function showAll(): void {
  batch(() => {
    search.value = '';
    media.value = '';
  });
}

function Head() {
  return (
    <thead>
      <tr class="groups">
        <td colSpan={2} />
        <th scope="colgroup" colSpan={span('now')}>
          {travelTo.value === null ? 'Now' : 'Then'}
        </th>
        <th scope="colgroup" colSpan={span('day')} class="day">
          {dayName.value === 'today' ? 'Today' : 'That day'}
        </th>
      </tr>
      <tr>
        <td class="pin" />
        <SortHead by="label" head="Queue" title="The queue’s name" cellClass="label" />
        {COLUMNS.map(({ by, head, title, when }) => (
          <SortHead key={by} by={by} head={head} title={title} cellClass={`${when} ${by}`} />
        ))}
      </tr>
    </thead>
  );
}

function SortHead(props: {
  readonly by: SortBy;
  readonly head: string;
  readonly title: string;
  readonly cellClass: string;
}) {
  const { by, down } = sortBy.value;
  const isSorted = by === props.by;
  return (
    <th scope="col" class={props.cellClass} aria-sort={isSorted ? (down ? 'descending' : 'ascending') : 'none'}>
      <button type="button" title={props.title} onClick={() => sort(props.by)}>
        {props.head}
        <span class="arrow" aria-hidden="true">
          {isSorted ? (down ? '▾' : '▴') : ''}
        </span>
      </button>
    </th>
  );
}

function Row({ row, index }: { readonly row: QueueRow; readonly index: number }) {
  const { queueId, label } = row;
  const urgency = useUrgencies(row);
  const isPinned = pinned.value.includes(queueId);
  return (
    <tr aria-rowindex={index + 3} data-queue={queueId} class={worstOf(urgency)}>
      <td class="pin">
        <button
          type="button"
          class="pin"
          aria-pressed={isPinned}
          aria-label={`Pin ${label}`}
          title={isPinned ? 'Unpin this queue' : 'Pin this queue to the top'}
          onClick={() => pin(queueId)}
        >
          {isPinned ? '★' : '☆'}
        </button>
      </td>
      <th scope="row" class="label">
        <a href={queueLink(queueId)} title={label}>
          {label}
        </a>
      </th>
      {COLUMNS.map(({ by, when, cell }) => (
        <td key={by} class={`${when} ${by}`} data-column={by}>
          {cell(row, urgency)}
        </td>
      ))}
    </tr>
  );
}

/** The same figures for all queues together and for one. Null: there is no picture yet, so there are no figures. */
export function figuresOf(sum: Totals | null, urgency: Urgencies = CALM): readonly Figure[] {
  const day = dayName.value;
  const figure = (label: string, value: (of: Totals) => ComponentChildren, note?: string): Figure => ({
    ...{ label, value: sum === null ? <Time ms={null} /> : value(sum), note },
  });
  const ringing = sum === null || sum.live.offered === 0 ? undefined : `${count(sum.live.offered)} ringing`;
  return [
    figure('Waiting', ({ live }) => <Count of={live.waiting} urgency={urgency.waiting} />, ringing),
    figure('Longest wait', (of) => <LongestWait of={of} urgency={urgency.wait} />),
    figure('Talking', ({ live }) => <Count of={live.talking} />),
    figure('After-call', ({ live }) => <Count of={live.afterCallWork} />),
    figure(`Offered ${day}`, (of) => <Count of={of.day.offered} />),
    figure(`Answered ${day}`, (of) => <Count of={of.day.answered} />),
    figure(`Abandoned ${day}`, (of) => <Count of={of.day.abandoned} />),
    figure('Service level', ({ serviceLevel }) => (
      <Value urgency={urgency.level} isZero={serviceLevel === null}>
        {share(serviceLevel)}
      </Value>
    )),
  ];
}

function sort(by: SortBy): void {
  const { by: current, down } = sortBy.value;
  sortBy.value = { by, down: current === by ? !down : by !== 'label' && by !== 'level' };
}

function pin(queueId: string): void {
  const pins = pinned.value;
  pinned.value = pins.includes(queueId) ? pins.filter((id) => id !== queueId) : [...pins, queueId];
}

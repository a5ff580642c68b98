import type { QueueConversation } from '../../conversation';
import { printable } from '../text';
import { elapsed, labelOf, type BoardModel, type Counts, type QueueLine } from './model';
import { layOut, type Column } from './table';
import { broken, truncate, widthOf } from './width';

export interface BoardSize {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
  /** The latest lines of the log; the newest last. */
  readonly notes?: readonly string[];
}

/**
 * Codes of our own, because `util.styleText` of newer Node.js versions looks at this process's stdout, and the caller
 * knows better.
 */
const SGR = { bold: 1, dim: 2, underline: 4, red: 31, yellow: 33 } as const;

const FOOTER = 'Ctrl-C ends everything';
const MOST_NOTES = 3;
const FEWEST_NEWEST = 3;
/** Sections are set apart by a blank line and begin with a heading. */
const SECTION_EXTRA = 2;
const PATIENCE_MS = { yellow: 60_000, red: 180_000 } as const;

/** The screen: at most `rows` lines of at most `columns` cells. */
export function renderBoard(model: BoardModel, size: BoardSize): readonly string[] {
  const { columns, rows, color } = size;
  const style: Style = (format, text) => (color ? `\u001B[${SGR[format]}m${text}\u001B[0m` : text);
  const head = header(model, columns).map((line, index) => style(index === 0 ? 'bold' : 'dim', line));
  const notes = (size.notes ?? [])
    .slice(-MOST_NOTES)
    .map((note) => style('yellow', truncate(printable(note), columns)));
  const foot = [...notes, style('dim', truncate(FOOTER, columns))];
  const left = Math.max(0, rows - head.length - foot.length);
  const shares = share(left, model.queues.length, model.newest.length);
  const body = [
    ...section(shares.queues, QUEUE_COLUMNS, mostUrgent(model.queues, shares.queues), model, columns, style),
    ...section(shares.newest, CONVERSATION_COLUMNS, model.newest.slice(0, shares.newest), model, columns, style),
  ];
  const blanks = Array.from({ length: Math.max(0, left - body.length) }, () => '');
  return [...head, ...body, ...blanks, ...foot].slice(0, rows);
}

type Style = (format: keyof typeof SGR, text: string) => string;

/** Totals first. Then the addresses, on as many lines as they need: nobody finds a port that was cut off. */
function header({ totals, where, now }: BoardModel, columns: number): readonly string[] {
  const oldest = totals.oldestWaitingSince;
  const counts = [
    `${totals.conversations} live`,
    `${totals.waiting} waiting`,
    ...(oldest === null ? [] : [`oldest ${elapsed(oldest, now)}`]),
    `${totals.alerting} alerting`,
    `${totals.talking} talking`,
    `${totals.afterCallWork} after-call work`,
  ];
  const places = where.map(([label, value]) => printable(`${label} ${value}`));
  return [...wrap([`queuefold ${clock(now)}`, ...counts], columns), ...wrap(places, columns)];
}

/** As many parts on a line as fit. A part that needs several lines has them for itself. */
function wrap(parts: readonly string[], columns: number): readonly string[] {
  const lines: string[] = [];
  let isOpen = false;
  for (const part of parts) {
    const joined = `${lines.at(-1) ?? ''}  ${part}`;
    if (isOpen && widthOf(joined) <= columns) {
      lines[lines.length - 1] = joined;
      continue;
    }
    const own = broken(part, columns);
    lines.push(...own);
    isOpen = own.length === 1;
  }
  return lines;
}

/** How many lines of each table fit. The newest conversations keep a few, and the queues get the rest. */
function share(left: number, queues: number, newest: number): { readonly queues: number; readonly newest: number } {
  const lines = left - 2 * SECTION_EXTRA;
  if (lines < 2) return { queues: Math.max(0, Math.min(queues, left - SECTION_EXTRA)), newest: 0 };
  const reserved = Math.min(newest, FEWEST_NEWEST, Math.floor(lines / 2));
  const shown = Math.min(queues, lines - reserved);
  return { queues: shown, newest: Math.min(newest, lines - shown) };
}

/** If not all queues fit, it shows those in which people wait longest, in the usual order. */
function mostUrgent(queues: readonly QueueLine[], places: number): readonly QueueLine[] {
  if (queues.length <= places) return queues;
  const since = ({ oldestWaitingSince }: QueueLine) => oldestWaitingSince ?? Infinity;
  const urgent = new Set([...queues].sort((left, right) => since(left) - since(right) || 0).slice(0, places - 1));
  const shown = queues.filter((queue) => urgent.has(queue));
  return [...shown, othersOf(queues.filter((queue) => !urgent.has(queue)))];
}

function othersOf(queues: readonly QueueLine[]): QueueLine {
  const sum = (count: (queue: QueueLine) => number) => queues.reduce((total, queue) => total + count(queue), 0);
  const oldest = Math.min(...queues.map(({ oldestWaitingSince }) => oldestWaitingSince ?? Infinity));
  return {
    queueId: `… ${queues.length} more`,
    conversations: sum(({ conversations }) => conversations),
    waiting: sum(({ waiting }) => waiting),
    offered: sum(({ offered }) => offered),
    oldestWaitingSince: oldest === Infinity ? null : oldest,
    alerting: sum(({ alerting }) => alerting),
    talking: sum(({ talking }) => talking),
    afterCallWork: sum(({ afterCallWork }) => afterCallWork),
  };
}

interface Highlight<T> {
  readonly format: (item: T, now: number) => 'yellow' | 'red' | null;
}

type BoardColumn<T> = Column<T, BoardModel> & Partial<Highlight<T>>;

function patience(since: number | null, now: number): 'yellow' | 'red' | null {
  if (since === null || now - since < PATIENCE_MS.yellow) return null;
  return now - since < PATIENCE_MS.red ? 'yellow' : 'red';
}

const oldestOf = ({ oldestWaitingSince }: Counts, now: number) =>
  oldestWaitingSince === null ? '' : elapsed(oldestWaitingSince, now);

/** `keep`: columns with a greater number stay longer when the window gets narrow. */
const QUEUE_COLUMNS: readonly BoardColumn<QueueLine>[] = [
  { head: ['QUEUE'], min: 8, max: 48, keep: 9, align: 'left', text: labelOf },
  { head: ['WAITING', 'WAIT'], min: 4, max: 7, keep: 8, align: 'right', text: ({ waiting }) => String(waiting) },
  {
    head: ['OLDEST'],
    min: 6,
    max: 8,
    keep: 7,
    align: 'right',
    text: (queue, { now }) => oldestOf(queue, now),
    format: ({ oldestWaitingSince }, now) => patience(oldestWaitingSince, now),
  },
  { head: ['ALERTING', 'ALRT'], min: 4, max: 8, keep: 5, align: 'right', text: ({ alerting }) => String(alerting) },
  { head: ['TALKING', 'TALK'], min: 4, max: 7, keep: 6, align: 'right', text: ({ talking }) => String(talking) },
  {
    head: ['AFTER-CALL WORK', 'ACW'],
    min: 3,
    max: 15,
    keep: 4,
    align: 'right',
    text: ({ afterCallWork }) => String(afterCallWork),
  },
];

const CONVERSATION_COLUMNS: readonly BoardColumn<QueueConversation>[] = [
  { head: ['TIME UTC', 'TIME'], min: 8, max: 8, keep: 6, align: 'left', text: (row) => clock(row.connected_time) },
  { head: ['MEDIA'], min: 8, max: 8, keep: 5, align: 'left', text: ({ media_type }) => media_type ?? '' },
  { head: ['QUEUE'], min: 8, max: 40, keep: 9, align: 'left', text: (row, model) => queueLabel(row, model) },
  { head: ['STATE'], min: 9, max: 12, keep: 8, align: 'left', text: ({ state }) => state ?? '' },
  { head: ['PURPOSE'], min: 7, max: 9, keep: 4, align: 'left', text: ({ purpose }) => purpose ?? '' },
  {
    head: ['WAITING', 'WAIT'],
    min: 6,
    max: 8,
    keep: 7,
    align: 'right',
    text: (row, { now }) => (row.waiting ? elapsed(row.queue_connected_time, now) : ''),
    format: (row, now) => (row.waiting ? patience(row.queue_connected_time, now) : null),
  },
  { head: ['AGENT'], min: 8, max: 36, keep: 3, align: 'left', text: (row, model) => agentLabel(row, model) },
];

function queueLabel({ queue_id }: QueueConversation, { queues }: BoardModel): string {
  return queues.find(({ queueId }) => queueId === queue_id)?.name ?? queue_id;
}

function agentLabel({ user_id }: QueueConversation, { agents }: BoardModel): string {
  return user_id === null ? '' : (agents.get(user_id) ?? user_id);
}

function clock(time: number): string {
  return Number.isFinite(time) ? new Date(time).toISOString().slice(11, 19) : '';
}

function section<T>(
  places: number,
  columns: readonly BoardColumn<T>[],
  items: readonly T[],
  model: BoardModel,
  width: number,
  style: Style,
): readonly string[] {
  if (places === 0) return [];
  const table = layOut(columns, items, model, width);
  const lines = items.map((item) =>
    table.cells(item, (column, cell) => {
      const format = (column as BoardColumn<T>).format?.(item, model.now) ?? null;
      return format === null ? cell : style(format, cell);
    }),
  );
  return ['', style('underline', table.heading), ...lines];
}

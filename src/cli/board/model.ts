import type { QueueConversation } from '../../conversation';

/** What the live table shows. Times are epoch milliseconds. */
export interface BoardModel {
  readonly now: number;
  readonly queues: readonly QueueLine[];
  /** The newest conversations, the newest first. */
  readonly newest: readonly QueueConversation[];
  readonly totals: Counts & { readonly conversations: number };
  /** What runs where: label and address. */
  readonly where: readonly (readonly [label: string, value: string])[];
}

export interface Counts {
  /** The customer waits, and no agent is being alerted. */
  readonly waiting: number;
  /** Since when the one waits who waits longest; also while an agent is alerted. */
  readonly oldestWaitingSince?: number;
  readonly alerting: number;
  readonly talking: number;
  readonly afterCallWork: number;
}

export interface QueueLine extends Counts {
  readonly queueId: string;
  readonly name?: string;
}

export interface BoardExtras {
  readonly where?: BoardModel['where'];
  /** Names of queues, where they are known. */
  readonly names?: ReadonlyMap<string, string>;
}

const NEWEST = 50;
const ALERTING_STATES: readonly (string | null)[] = ['alerting', 'contacting', 'dialing', 'offering'];

/** The table's rows as the board shows them; the counts are those of the view `queue_live`. */
export function boardModel(rows: Iterable<QueueConversation>, now: number, extras: BoardExtras = {}): BoardModel {
  const queues = new Map<string, Tally>();
  const total = createTally();
  const newest = createNewest();
  for (const row of rows) {
    let queue = queues.get(row.queue_id);
    if (queue === undefined) queues.set(row.queue_id, (queue = createTally()));
    count(queue, row);
    count(total, row);
    newest.offer(row);
  }
  const lines = [...queues].map(([queueId, tally]): QueueLine => {
    const name = extras.names?.get(queueId);
    return { queueId, ...(name === undefined ? {} : { name }), ...countsOf(tally) };
  });
  return {
    now,
    queues: lines.sort(byLabel),
    newest: newest.list(),
    totals: { conversations: total.conversations, ...countsOf(total) },
    where: extras.where ?? [],
  };
}

/** What people call the queue. */
export function labelOf(queue: Pick<QueueLine, 'queueId' | 'name'>): string {
  return queue.name ?? queue.queueId;
}

function byLabel(left: QueueLine, right: QueueLine): number {
  return labelOf(left).localeCompare(labelOf(right), 'en') || (left.queueId < right.queueId ? -1 : 1);
}

interface Tally {
  conversations: number;
  waiting: number;
  oldestWaitingSince: number;
  alerting: number;
  talking: number;
  afterCallWork: number;
}

function createTally(): Tally {
  return { conversations: 0, waiting: 0, oldestWaitingSince: Infinity, alerting: 0, talking: 0, afterCallWork: 0 };
}

function count(tally: Tally, row: QueueConversation): void {
  const alerting = row.purpose === 'agent' && ALERTING_STATES.includes(row.state);
  tally.conversations += 1;
  if (alerting) tally.alerting += 1;
  else if (row.waiting) tally.waiting += 1;
  if (row.waiting) tally.oldestWaitingSince = Math.min(tally.oldestWaitingSince, row.queue_connected_time);
  if ((row.purpose === 'agent' || row.purpose === 'user') && row.state === 'connected') tally.talking += 1;
  if (row.acw_state === 'pending') tally.afterCallWork += 1;
}

function countsOf({ waiting, oldestWaitingSince, alerting, talking, afterCallWork }: Tally): Counts {
  const oldest = oldestWaitingSince === Infinity ? {} : { oldestWaitingSince };
  return { waiting, ...oldest, alerting, talking, afterCallWork };
}

/** The newest rows of any number, without sorting them all. */
function createNewest() {
  let rows: QueueConversation[] = [];
  let oldest = -Infinity;
  const trim = () => {
    rows = rows.sort((left, right) => right.db_when_created - left.db_when_created).slice(0, NEWEST);
    if (rows.length === NEWEST) oldest = rows[NEWEST - 1]?.db_when_created ?? oldest;
  };
  return {
    offer: (row: QueueConversation) => {
      if (row.db_when_created < oldest) return;
      rows.push(row);
      if (rows.length > 4 * NEWEST) trim();
    },
    list: (): readonly QueueConversation[] => {
      trim();
      return rows;
    },
  };
}

/** `m:ss`, from an hour on `h:mm:ss`; what lies in the future is `0:00`. */
export function elapsed(since: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - since) / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const [minutes, rest] = [Math.floor(seconds / 60), two(seconds % 60)];
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
}

/** The totals in one line, for where there is no terminal. */
export function summaryLine({ totals, now }: Pick<BoardModel, 'totals' | 'now'>): string {
  const { conversations, waiting, oldestWaitingSince, alerting, talking, afterCallWork } = totals;
  const oldest = oldestWaitingSince === undefined ? '' : ` (oldest ${elapsed(oldestWaitingSince, now)})`;
  return (
    `${conversations} ${conversations === 1 ? 'conversation' : 'conversations'}: ${waiting} waiting${oldest}, ` +
    `${alerting} alerting, ${talking} talking, ${afterCallWork} in after-call work`
  );
}

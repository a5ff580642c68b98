import { LiveCounter, type LiveCounts, type QueueConversation } from '../../conversation';

/** The content of the live table. Times are epoch milliseconds. */
export interface BoardModel {
  readonly now: number;
  readonly queues: readonly QueueLine[];
  /** The newest conversations, the newest first. */
  readonly newest: readonly QueueConversation[];
  /** Names of their agents, as far as they are known. */
  readonly agents: ReadonlyMap<string, string>;
  readonly totals: Counts;
  /** Labels and addresses of what runs. */
  readonly where: readonly (readonly [label: string, value: string])[];
}

/** Counts as the live board and the view `queue_live` do. */
export type Counts = LiveCounts;

export interface QueueLine extends Counts {
  readonly queueId: string;
  readonly name?: string;
}

export interface BoardExtras {
  readonly where?: BoardModel['where'];
  /** Names of queues, as far as they are known. */
  readonly names?: ReadonlyMap<string, string>;
  /** The name of a user; null: not known. */
  readonly userName?: (id: string) => string | null;
}

const NEWEST = 50;

/** The table's rows as the terminal shows them. */
export function boardModel(rows: Iterable<QueueConversation>, now: number, extras: BoardExtras = {}): BoardModel {
  const queues = new Map<string, LiveCounter>();
  const total = new LiveCounter();
  const newest = createNewest();
  for (const row of rows) {
    let queue = queues.get(row.queue_id);
    if (queue === undefined) queues.set(row.queue_id, (queue = new LiveCounter()));
    queue.add(row);
    total.add(row);
    newest.offer(row);
  }
  const lines = [...queues].map(([queueId, counter]): QueueLine => {
    const name = extras.names?.get(queueId);
    return { queueId, ...(name === undefined ? {} : { name }), ...counter.counts() };
  });
  const shown = newest.list();
  return {
    now,
    queues: lines.sort(byLabel),
    newest: shown,
    agents: agentsOf(shown, extras.userName),
    totals: total.counts(),
    where: extras.where ?? [],
  };
}

function agentsOf(rows: readonly QueueConversation[], userName: BoardExtras['userName']): BoardModel['agents'] {
  const agents = new Map<string, string>();
  for (const { user_id } of rows) {
    const name = user_id === null ? undefined : userName?.(user_id);
    if (user_id !== null && typeof name === 'string') agents.set(user_id, name);
  }
  return agents;
}

/** The name that people use for the queue. */
export function labelOf(queue: Pick<QueueLine, 'queueId' | 'name'>): string {
  return queue.name ?? queue.queueId;
}

function byLabel(left: QueueLine, right: QueueLine): number {
  return labelOf(left).localeCompare(labelOf(right), 'en') || (left.queueId < right.queueId ? -1 : 1);
}

/** The newest rows, without sorting all of them. */
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

/** `m:ss`; from one hour on `h:mm:ss`; a time in the future is `0:00`. */
export function elapsed(since: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - since) / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const [minutes, rest] = [Math.floor(seconds / 60), two(seconds % 60)];
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
}

/** The totals in one line, for output without a terminal. */
export function summaryLine({ totals, now }: Pick<BoardModel, 'totals' | 'now'>): string {
  const { conversations, waiting, oldestWaitingSince, alerting, talking, afterCallWork } = totals;
  const oldest = oldestWaitingSince === null ? '' : ` (oldest ${elapsed(oldestWaitingSince, now)})`;
  return (
    `${conversations} ${conversations === 1 ? 'conversation' : 'conversations'}: ${waiting} waiting${oldest}, ` +
    `${alerting} alerting, ${talking} talking, ${afterCallWork} in after-call work`
  );
}

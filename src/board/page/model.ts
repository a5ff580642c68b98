import type { Conversation, Day, Line, Live, Version, Visit } from '../api-schema';
import { addDay, NO_DAY } from '../counts';

/** The page's view of the server's answers. Their types come from the server. */

export type {
  About,
  BeatEvent,
  Conversation,
  Interval,
  Line,
  PictureEvent,
  SeriesPoint,
  Version,
  Visit,
} from '../api-schema';

/** The present phase of a conversation, in the order in which a queue shows it. */
export type Phase = 'waiting' | 'ringing' | 'talking' | 'acw' | 'other';
export const PHASES: Readonly<Record<Phase, string>> = {
  waiting: 'waiting',
  ringing: 'ringing',
  talking: 'talking',
  acw: 'after-call work',
  other: 'other',
};

export function phaseOf(row: Pick<Conversation, 'waiting' | 'alerting' | 'talking' | 'acw'>): Phase {
  // A colleague's phone also rings if nobody waits: for a consult.
  if (row.alerting) return 'ringing';
  if (row.waiting) return 'waiting';
  if (row.talking) return 'talking';
  return row.acw === 'pending' ? 'acw' : 'other';
}

const ORDER: readonly Phase[] = ['waiting', 'ringing', 'talking', 'acw', 'other'];
const rank = (row: Conversation): number => (row.waiting ? 0 : ORDER.indexOf(phaseOf(row)));

/** The order of a queue's conversations: waiting customers first, also while an agent's phone rings for them. */
export const inOrder = (a: Conversation, b: Conversation): number =>
  rank(a) - rank(b) || a.enteredAt - b.enteredAt || (a.id < b.id ? -1 : 1);

/** The history of one conversation. */
export interface ConversationHistory {
  readonly id: string;
  readonly versions: readonly Version[];
  readonly visits: readonly Visit[];
}

/**
 * One row of the overview: a queue, with its chosen media together. It never changes: another picture has another row.
 */
export interface QueueRow {
  readonly queueId: string;
  readonly label: string;
  readonly live: Live;
  readonly day: Day;
  readonly serviceLevel: number | null;
}

/** @param lines at least one, all of one queue */
export function sumQueue(lines: readonly Line[]): QueueRow {
  const [first] = lines;
  if (first === undefined) throw new RangeError('a queue has at least one line');
  let [live, day]: [Live, Day] = [first.live, first.day];
  for (const line of lines.slice(1)) [live, day] = [addLive(live, line.live), addDay(day, line.day)];
  return { queueId: first.queueId, label: first.name ?? first.queueId, live, day, serviceLevel: level(day) };
}

export type Totals = Pick<QueueRow, 'live' | 'day' | 'serviceLevel'>;

export function total(rows: readonly QueueRow[]): Totals {
  const live = rows.reduce((sum, row) => addLive(sum, row.live), NO_LIVE);
  const day = rows.reduce((sum, row) => addDay(sum, row.day), NO_DAY);
  return { live, day, serviceLevel: level(day) };
}

/** Answered within the target ÷ (answered + abandoned − abandoned very early). */
function level({ answered, answeredInTarget, abandoned, shortAbandoned }: Day): number | null {
  const all = answered + abandoned - shortAbandoned;
  return all === 0 ? null : answeredInTarget / all;
}

const NO_LIVE: Live = {
  conversations: 0,
  waiting: 0,
  offered: 0,
  oldestWaitingSince: null,
  alerting: 0,
  talking: 0,
  afterCallWork: 0,
};

function addLive(a: Live, b: Live): Live {
  const oldest = Math.min(a.oldestWaitingSince ?? Infinity, b.oldestWaitingSince ?? Infinity);
  return {
    conversations: a.conversations + b.conversations,
    waiting: a.waiting + b.waiting,
    offered: a.offered + b.offered,
    oldestWaitingSince: oldest === Infinity ? null : oldest,
    alerting: a.alerting + b.alerting,
    talking: a.talking + b.talking,
    afterCallWork: a.afterCallWork + b.afterCallWork,
  };
}

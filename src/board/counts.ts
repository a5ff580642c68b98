import type { QueueConversation, QueueVisit } from '../conversation';

/** What the rows say of one queue now. */
export interface LiveCounts {
  readonly conversations: number;
  /** The customer waits, whether or not an agent is being alerted. */
  readonly waiting: number;
  /** Those of `waiting` for whom an agent is being alerted. */
  readonly offered: number;
  /** Since when the one of `waiting` waits who waits longest, epoch ms. Null: nobody waits. */
  readonly oldestWaitingSince: number | null;
  readonly talking: number;
  readonly afterCallWork: number;
}

/** What the visits of a day say of one queue. Consults are left out. */
export interface DayCounts {
  readonly offered: number;
  readonly answered: number;
  /** Answered within the target. */
  readonly answeredInTarget: number;
  readonly abandoned: number;
  /** Abandoned so early that the service level leaves them out. */
  readonly shortAbandoned: number;
}

/** How the service level is computed. Milliseconds. */
export interface ServiceLevelRule {
  readonly targetMs: number;
  readonly shortAbandonMs: number;
}

export const NO_LIVE: LiveCounts = {
  conversations: 0,
  waiting: 0,
  offered: 0,
  oldestWaitingSince: null,
  talking: 0,
  afterCallWork: 0,
};
export const NO_DAY: DayCounts = { offered: 0, answered: 0, answeredInTarget: 0, abandoned: 0, shortAbandoned: 0 };

const ALERTING_STATES: ReadonlySet<string | null> = new Set(['alerting', 'contacting', 'dialing', 'offering']);

type CountedRow = Pick<QueueConversation, 'purpose' | 'state' | 'waiting' | 'queue_connected_time' | 'acw_state'>;

/** Whether the row shows an agent whose phone rings. */
export const isAlerting = ({ purpose, state }: Pick<QueueConversation, 'purpose' | 'state'>): boolean =>
  purpose === 'agent' && ALERTING_STATES.has(state);
/** Whether the row shows somebody who talks to the customer. */
export const isTalking = ({ purpose, state }: Pick<QueueConversation, 'purpose' | 'state'>): boolean =>
  (purpose === 'agent' || purpose === 'user') && state === 'connected';

export function countRows(rows: Iterable<CountedRow>): LiveCounts {
  let [conversations, waiting, offered, talking, afterCallWork, oldest] = [0, 0, 0, 0, 0, Infinity];
  for (const row of rows) {
    conversations += 1;
    if (row.waiting) {
      waiting += 1;
      oldest = Math.min(oldest, row.queue_connected_time);
      if (isAlerting(row)) offered += 1;
    }
    if (isTalking(row)) talking += 1;
    if (row.acw_state === 'pending') afterCallWork += 1;
  }
  const oldestWaitingSince = oldest === Infinity ? null : oldest;
  return { conversations, waiting, offered, oldestWaitingSince, talking, afterCallWork };
}

type CountedVisit = Pick<QueueVisit, 'consult' | 'outcome' | 'entered_time' | 'left_time'>;

/** What one visit adds to its day. */
export function dayOf(visit: CountedVisit, { targetMs, shortAbandonMs }: ServiceLevelRule): DayCounts {
  if (visit.consult) return NO_DAY;
  const wait = visit.left_time === null ? 0 : Math.max(0, visit.left_time - visit.entered_time);
  const answered = visit.outcome === 'answered';
  const abandoned = visit.outcome === 'abandoned';
  return {
    offered: 1,
    answered: answered ? 1 : 0,
    answeredInTarget: answered && wait <= targetMs ? 1 : 0,
    abandoned: abandoned ? 1 : 0,
    shortAbandoned: abandoned && wait < shortAbandonMs ? 1 : 0,
  };
}

/** `a + sign × b`. */
export function addDay(a: DayCounts, b: DayCounts, sign: 1 | -1 = 1): DayCounts {
  return {
    offered: a.offered + sign * b.offered,
    answered: a.answered + sign * b.answered,
    answeredInTarget: a.answeredInTarget + sign * b.answeredInTarget,
    abandoned: a.abandoned + sign * b.abandoned,
    shortAbandoned: a.shortAbandoned + sign * b.shortAbandoned,
  };
}

import type { QueueVisit } from '../conversation';

/** The counts of one queue from the visits of a day. Consults are left out. */
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

export const NO_DAY: DayCounts = { offered: 0, answered: 0, answeredInTarget: 0, abandoned: 0, shortAbandoned: 0 };

type CountedVisit = Pick<QueueVisit, 'consult' | 'outcome' | 'entered_time' | 'left_time'>;

/** The counts that one visit adds to its day. */
export function dayOf(visit: CountedVisit, { targetMs, shortAbandonMs }: ServiceLevelRule): DayCounts {
  if (visit.consult) return NO_DAY;
  return shared(whatItAdds(visit, { targetMs, shortAbandonMs }));
}

function whatItAdds(visit: CountedVisit, { targetMs, shortAbandonMs }: ServiceLevelRule): DayCounts {
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

const SHARED = new Map<string, DayCounts>();

/** A day has hundreds of thousands of visits, and only a handful of different counts. */
function shared(counts: DayCounts): DayCounts {
  const key = Object.values(counts).join(' ');
  const known = SHARED.get(key) ?? counts;
  SHARED.set(key, known);
  return known;
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

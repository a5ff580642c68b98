import type { Conversation, Party, PartyLeg, VisitFacts } from './model';
import { queueEntry } from './truth';

/** Metrics of the sessions in analytics (the SDK's AnalyticsSessionMetric). */
export type SessionMetricName =
  'nOffered' | 'tAcd' | 'tAbandon' | 'tFlowOut' | 'tAlert' | 'tNotResponding' | 'tAnswered';

export interface SessionMetric {
  readonly name: SessionMetricName;
  /** A count (`n…`) or milliseconds (`t…`). */
  readonly value: number;
  /** When Genesys emitted it, epoch ms. */
  readonly emittedAt: number;
}

/**
 * The metrics of each session, by the id of its leg, in the order of emission. Their places are those of recorded
 * answers: the queue's session has `nOffered` when the conversation enters and `tAcd` when it leaves. The agent's
 * session has `tAlert` when the alert ends, then `tAnswered`, with the value of `tAcd`, or `tNotResponding`, with that
 * of `tAlert`.
 */
export function sessionMetrics({ parties }: Conversation): ReadonlyMap<string, readonly SessionMetric[]> {
  const metrics = new Map<string, SessionMetric[]>();
  const emit = (legId: string, name: SessionMetricName, value: number, emittedAt: number): void => {
    const known = metrics.get(legId) ?? [];
    metrics.set(legId, [...known, { name, value, emittedAt }]);
  };
  for (const party of parties) {
    const visit = visitOf(party);
    if (visit === null) continue;
    const { facts, enteredAt, leftAt } = visit;
    const [session] = party.legs;
    if (session !== undefined) {
      emit(session.id, 'nOffered', 1, enteredAt);
      if (leftAt !== null) emit(session.id, 'tAcd', leftAt - enteredAt, leftAt);
      if (leftAt !== null && facts.answeredBy === null) {
        emit(session.id, facts.flowedOut ? 'tFlowOut' : 'tAbandon', leftAt - enteredAt, leftAt);
      }
    }
    for (const { leg } of facts.offered) {
      const alertedUntil = leg.connectedAt ?? leg.disconnectedAt;
      if (alertedUntil === null) continue;
      emit(leg.id, 'tAlert', alertedUntil - leg.openedAt, alertedUntil);
      if (leg.id === facts.answeredBy?.leg.id)
        emit(leg.id, 'tAnswered', (leftAt ?? alertedUntil) - enteredAt, alertedUntil);
      else if (isMissed(leg, leftAt)) emit(leg.id, 'tNotResponding', alertedUntil - leg.openedAt, alertedUntil);
    }
  }
  return metrics;
}

interface VisitTimes {
  readonly facts: VisitFacts;
  readonly enteredAt: number;
  /** Null: it is still in the queue. */
  readonly leftAt: number | null;
}

/** Null: not a participant of a queue, or a callback that is not due. */
function visitOf(party: Party): VisitTimes | null {
  const enteredAt = queueEntry(party);
  if (party.visit === null || enteredAt === null) return null;
  const isOver = party.legs.every(({ ended }) => ended);
  return { facts: party.visit, enteredAt, leftAt: isOver ? party.endedAt : null };
}

/** The agent did not take it. If an alert ended because the caller left the queue, the agent did not miss it. */
function isMissed(leg: PartyLeg['leg'], leftAt: number | null): boolean {
  return leg.connectedAt === null && leg.disconnectedAt !== null && leg.disconnectedAt !== leftAt;
}

import type { Conversation, Leg, Medium } from './model';
import { isSupervisor } from './model';

export type ActivityMetric = 'oWaiting' | 'oAlerting' | 'oInteracting';

/** A session that analytics counts in a queue's present activity. */
export interface ActiveSession {
  readonly metric: ActivityMetric;
  readonly conversationId: string;
  readonly queueId: string;
  readonly sessionId: string;
  readonly medium: Medium;
  readonly direction: string | null;
  readonly userId: string | null;
  /** The time of its last change, epoch ms. */
  readonly since: number;
}

/**
 * The sessions that wait in a queue, are alerting, or talk. A conversation without any of these is in no queue's
 * activity.
 */
export function activityOf(conversation: Conversation): readonly ActiveSession[] {
  const lastQueue = conversation.parties.findLast(({ purpose, queueId }) => purpose === 'acd' && queueId !== null);
  return conversation.parties.flatMap((party) => {
    const queueId = party.queueId ?? lastQueue?.queueId ?? null;
    if (queueId === null || isSupervisor(party)) return [];
    return party.legs.flatMap((leg): ActiveSession[] => {
      const metric = leg.ended ? null : metricOf(party.purpose, leg);
      if (metric === null) return [];
      const { id: sessionId, medium, direction, connectedAt, openedAt } = leg;
      const since = connectedAt ?? openedAt;
      const conversationId = conversation.id;
      return [{ metric, conversationId, queueId, sessionId, medium, direction, userId: party.userId, since }];
    });
  });
}

function metricOf(purpose: string, leg: Leg): ActivityMetric | null {
  // A callback that is not due is in the queue's list of scheduled ones, and in none of these.
  if (purpose === 'acd') return leg.state === 'scheduled' ? null : 'oWaiting';
  if (purpose !== 'agent' && purpose !== 'user') return null;
  return leg.connectedAt === null ? 'oAlerting' : 'oInteracting';
}

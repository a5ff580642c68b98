import type { QueueVisit } from '../conversation';
import type { Conversation, Party } from './model';
import { directionOf, legToShow, MEDIA_TYPE, queueEntry } from './truth';

/** The columns of a visit, times as ISO-8601. The time of writing depends on the listener. */
export type TruthVisit = {
  readonly [C in Exclude<keyof QueueVisit, 'db_last_updated'>]: C extends 'offers' | 'offers_missed'
    ? number
    : QueueVisit[C] extends number
      ? string
      : QueueVisit[C] extends number | null
        ? string | null
        : QueueVisit[C];
};

/**
 * The correct outcome of each visit to a queue, in the order of the participants. The story itself contains the offers
 * and the answering agent (`VisitFacts`), whereas the fold must derive them from times. So the two check each other.
 */
export function visitsOf(conversation: Conversation): readonly TruthVisit[] {
  return conversation.parties.flatMap((party) => visitOf(conversation, party) ?? []);
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

function visitOf(conversation: Conversation, party: Party): TruthVisit | null {
  const { visit, queueId } = party;
  const entered = iso(queueEntry(party));
  if (visit === null || queueId === null || entered === null) return null;
  const leg = legToShow(party);
  const isOver = party.legs.every(({ ended }) => ended);
  const answer = isOver ? visit.answeredBy : null;
  const outcome = answer ? 'answered' : visit.flowedOut ? 'flowed_out' : 'abandoned';
  return {
    conversation_id: conversation.id,
    participant_id: party.id,
    queue_id: queueId,
    media_type: MEDIA_TYPE[leg.medium],
    direction: directionOf(conversation, leg),
    consult: party.consultsAbout !== null,
    entered_time: entered,
    left_time: isOver ? iso(party.endedAt) : null,
    outcome: isOver ? outcome : 'waiting',
    disconnect_type: leg.disconnectType,
    routing_skill_id: party.skills.length === 0 ? null : party.skills.join(','),
    offers: visit.offered.length,
    offers_missed: visit.offered.filter(({ leg: offer }) => offer.ended && offer.connectedAt === null).length,
    answered_time: iso(answer?.leg.connectedAt ?? null),
    user_id: answer?.party.userId ?? null,
    agent_participant_id: answer?.party.id ?? null,
    agent_communication_id: answer?.leg.id ?? null,
    agent_left_time: iso(answer?.leg.disconnectedAt ?? null),
  };
}

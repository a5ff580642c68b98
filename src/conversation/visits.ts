import type { Counted } from './counted';
import { byPlace, isAgent, latestCommunication } from './latest';
import { isQueued, purposeOf, realConnectedTime, type QueuedParticipant } from './lifecycle';
import { directionOf } from './project';
import { field, isEnded, type Communication, type Participant, RECLAIMED } from './state';
import { later } from './versions';
import { sameVisit, type QueueVisit } from './visit';

/**
 * The outcome of each visit to a queue (specification of queue_visit, section 3): a pure function of the knowledge of
 * the conversation. A visit is the stay of one queued acd participant. In the order of the participants.
 *
 * It runs for most events of the fold. So it uses loops instead of `map`, and fills in drafts of the visits.
 * @param updatedAt the time to give visits that are written, epoch ms
 */
export function visits(conversationId: string, of: Counted, updatedAt: number): readonly QueueVisit[] {
  const drafts = draftsOf(of);
  if (drafts.length === 0) return NO_VISITS;
  const legs = agentLegs(of);
  findAnswers(drafts, legs);
  countOffers(drafts, legs);
  return drafts.map((draft) => visitOf(conversationId, of, draft, updatedAt));
}

const NO_VISITS: readonly QueueVisit[] = [];

function visitOf(conversationId: string, of: Counted, draft: Draft, updatedAt: number): QueueVisit {
  const { participant, answer } = draft;
  return {
    conversation_id: conversationId,
    participant_id: participant.id,
    queue_id: participant.queueId,
    media_type: draft.medium,
    direction: directionOf(of, draft.latest),
    consult: participant.consult,
    entered_time: draft.entered,
    left_time: draft.left,
    outcome: outcomeOf(of, draft),
    disconnect_type: draft.disconnectType,
    routing_skill_id: participant.skills?.join(',') ?? null,
    offers: draft.offers,
    offers_missed: draft.offersMissed,
    answered_time: answer === null ? null : answer.connected,
    user_id: answer === null ? null : answer.agent.userId,
    agent_participant_id: answer === null ? null : answer.agent.id,
    agent_communication_id: answer === null ? null : answer.leg.id,
    agent_left_time: answer?.ended === true ? answer.disconnected : null,
    db_last_updated: updatedAt,
  };
}

/** The visits whose columns differ from before, and new ones. */
export function changedVisits(before: readonly QueueVisit[], now: readonly QueueVisit[]): readonly QueueVisit[] {
  return now.filter((visit, index) => {
    const { participant_id: id } = visit;
    let same = before[index];
    if (same?.participant_id !== id) same = before.find((each) => each.participant_id === id);
    return same === undefined || !sameVisit(same, visit);
  });
}

/** How far the end of the queue's communication and the beginning of the agent's may be apart. */
const TOLERANCE_MS = 1_000;

/** A visit before its columns are written. */
interface Draft {
  readonly participant: QueuedParticipant;
  readonly latest: Communication | null;
  /** The medium of its latest communication. Only agents' communications of that medium concern it. Null: all do. */
  readonly medium: string | null;
  readonly entered: number;
  /** `entered` is the receive time of the event that made the participant queued. */
  readonly provisional: boolean;
  readonly waiting: boolean;
  readonly left: number | null;
  readonly disconnectType: string | null;
  /** Filled in once all visits and all communications of agents are known. */
  answer: Answer | null;
  offers: number;
  offersMissed: number;
}

function draftsOf(of: Counted): readonly Draft[] {
  const drafts: Draft[] = [];
  for (const participant of of.participants) {
    if (isQueued(participant) && participant.id !== RECLAIMED) drafts.push(draftOf(of, participant));
  }
  return drafts;
}

function draftOf(of: Counted, participant: QueuedParticipant): Draft {
  const legs = of.communications(participant);
  const latest = latestCommunication(legs);
  const real = realConnectedTime(of, participant);
  let waiting = false;
  let left: number | null = null;
  for (const leg of legs) {
    if (!isEnded(leg)) waiting = true;
    left = later(left, field(leg, 'disconnectedTime'));
  }
  return {
    participant,
    latest,
    medium: latest === null ? null : latest.medium,
    entered: real ?? participant.queuedAt,
    provisional: real === null,
    waiting,
    left: waiting ? null : left,
    disconnectType: latest === null ? null : field(latest, 'disconnectType'),
    answer: null,
    offers: 0,
    offersMissed: 0,
  };
}

/** A communication of an agent: an offer, and perhaps the answer if it has a connected time. */
interface AgentLeg {
  readonly agent: Participant;
  readonly leg: Communication;
  readonly ended: boolean;
  readonly alerting: number | null;
  readonly connected: number | null;
  readonly disconnected: number | null;
}

/**
 * Communications of agents and users who neither supervise nor are queued acd participants, in the order of
 * participants and places.
 */
function agentLegs(of: Counted): readonly AgentLeg[] {
  const found: AgentLeg[] = [];
  for (const agent of of.participants) {
    if (!isAgentParticipant(agent)) continue;
    const legs = of.communications(agent);
    for (const leg of legs.length > 1 ? legs.toSorted(byPlace) : legs) {
      found.push({
        agent,
        leg,
        ended: isEnded(leg),
        alerting: field(leg, 'startAlertingTime'),
        connected: field(leg, 'connectedTime'),
        disconnected: field(leg, 'disconnectedTime'),
      });
    }
  }
  return found;
}

function isAgentParticipant(participant: Participant): boolean {
  return !participant.supervisor && isAgent(purposeOf(participant)) && !isQueued(participant);
}

function knows({ medium }: Draft, leg: Communication): boolean {
  return medium === null || leg.medium === medium;
}

// ------------------------------------------------------------------------------------------------------- the answer

interface Answer extends AgentLeg {
  readonly connected: number;
}

/** Finds the answer of each visit. */
function findAnswers(drafts: readonly Draft[], legs: readonly AgentLeg[]): void {
  for (const candidate of legs) {
    if (!isCandidate(candidate)) continue;
    const draft = answeredBy(candidate, drafts);
    if (draft !== null && (draft.answer === null || isBetter(draft, candidate, draft.answer))) draft.answer = candidate;
  }
}

function isCandidate(leg: AgentLeg): leg is Answer {
  return leg.connected !== null;
}

/** The nearest of the visits that the candidate fits; none while a visit that it may still answer is waiting. */
function answeredBy(candidate: Answer, drafts: readonly Draft[]): Draft | null {
  const { connected, leg } = candidate;
  let nearest: Draft | null = null;
  for (const draft of drafts) {
    if (!knows(draft, leg)) continue;
    if (draft.waiting && draft.entered <= connected) return null;
    // If two are equally near, the later participant.
    if (fits(candidate, draft) && (nearest === null || distance(candidate, draft) <= distance(candidate, nearest))) {
      nearest = draft;
    }
  }
  return nearest;
}

function fits(candidate: Answer, draft: Draft): boolean {
  const { left } = draft;
  if (left === null || distance(candidate, draft) > TOLERANCE_MS) return false;
  if (candidate.connected < draft.entered && !draft.provisional) return false;
  if (draft.disconnectType !== null && !draft.disconnectType.startsWith('transfer')) return false;
  return candidate.alerting === null || candidate.alerting <= left;
}

function distance({ connected }: Answer, { left }: Draft): number {
  return left === null ? Infinity : Math.abs(connected - left);
}

/** The nearer candidate wins, then the earlier one; if both are equal, the first in order stays. */
function isBetter(draft: Draft, candidate: Answer, other: Answer): boolean {
  const nearer = distance(candidate, draft) - distance(other, draft);
  return nearer < 0 || (nearer === 0 && candidate.connected < other.connected);
}

// ------------------------------------------------------------------------------------------------------ the outcome

function outcomeOf(of: Counted, draft: Draft): QueueVisit['outcome'] {
  if (draft.waiting) return 'waiting';
  if (draft.answer !== null) return 'answered';
  if (draft.left === null) return 'unknown';
  if (draft.disconnectType?.startsWith('transfer') === true) return 'flowed_out';
  return draft.disconnectType === null && isTakenOver(of, draft, draft.left) ? 'flowed_out' : 'abandoned';
}

/** Somebody else connected when it left: a flow, a voicemail or another queue. */
function isTakenOver(of: Counted, draft: Draft, left: number): boolean {
  return of.participants.some((other) => {
    if (other === draft.participant || other.supervisor || purposeOf(other) === 'customer') return false;
    const agent = isAgentParticipant(other);
    return of.communications(other).some((leg) => {
      const time = field(leg, 'connectedTime');
      if (time === null || (agent && !knows(draft, leg))) return false;
      return time >= draft.entered && Math.abs(time - left) <= TOLERANCE_MS;
    });
  });
}

// ------------------------------------------------------------------------------------------------------- the offers

/** Counts each visit's offers. The communication that answered a visit is an offer of that visit only. */
function countOffers(drafts: readonly Draft[], legs: readonly AgentLeg[]): void {
  for (const leg of legs) {
    const draft = answeredOf(leg, drafts) ?? offeredTo(leg, drafts);
    if (draft === null) continue;
    draft.offers++;
    if (leg.ended && leg.connected === null) draft.offersMissed++;
  }
}

function answeredOf(leg: AgentLeg, drafts: readonly Draft[]): Draft | null {
  for (const draft of drafts) if (draft.answer === leg) return draft;
  return null;
}

/** The visit that an offer counts for. */
function offeredTo(offer: AgentLeg, drafts: readonly Draft[]): Draft | null {
  const time = offer.alerting ?? offer.connected ?? offer.disconnected;
  if (time === null) {
    const last = latestEntered(offer, drafts);
    return last !== null && isOpen(last) ? last : null;
  }
  const draft =
    (offer.alerting === null && offer.connected === null ? leftJustBefore(time, offer, drafts) : null) ??
    latestEntered(offer, drafts, time) ??
    latestProvisional(offer, drafts);
  if (draft === null || isOpen(draft)) return draft;
  const grace = offer.alerting === null ? TOLERANCE_MS : 0;
  return draft.left !== null && time <= draft.left + grace ? draft : null;
}

/** It waits, or its outcome is unknown, so it has no time at which it left. */
function isOpen({ left }: Draft): boolean {
  return left === null;
}

// Below, the later of equal visits wins: the one whose participant has the greater position, then the greater id.

/**
 * An alert that ends with the visit, or just after it, was an offer of that visit, even if a later visit began
 * meanwhile.
 */
function leftJustBefore(time: number, { leg }: AgentLeg, drafts: readonly Draft[]): Draft | null {
  let found: Draft | null = null;
  let greatest = time - TOLERANCE_MS;
  for (const draft of drafts) {
    if (draft.left === null || draft.left > time || draft.left < greatest || !knows(draft, leg)) continue;
    found = draft;
    greatest = draft.left;
  }
  return found;
}

function latestEntered({ leg }: AgentLeg, drafts: readonly Draft[], notAfter = Infinity): Draft | null {
  let found: Draft | null = null;
  for (const draft of drafts) {
    if (draft.entered > notAfter || !knows(draft, leg)) continue;
    if (found === null || draft.entered >= found.entered) found = draft;
  }
  return found;
}

function latestProvisional({ leg }: AgentLeg, drafts: readonly Draft[]): Draft | null {
  let found: Draft | null = null;
  for (const draft of drafts) {
    if (!draft.provisional || !knows(draft, leg)) continue;
    if (found === null || draft.entered >= found.entered) found = draft;
  }
  return found;
}

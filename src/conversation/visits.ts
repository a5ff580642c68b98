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
 * It runs for most events of the fold. So it uses loops instead of `map`, and fills its stays in.
 * @param updatedAt the time to give visits that are written, epoch ms
 */
export function visits(conversationId: string, of: Counted, updatedAt: number): readonly QueueVisit[] {
  const stays = staysOf(of);
  if (stays.length === 0) return NO_VISITS;
  const legs = agentLegs(of);
  findAnswers(stays, legs);
  countOffers(stays, legs);
  return stays.map((stay) => visitOf(conversationId, of, stay, updatedAt));
}

const NO_VISITS: readonly QueueVisit[] = [];

function visitOf(conversationId: string, of: Counted, stay: Stay, updatedAt: number): QueueVisit {
  const { participant, answer } = stay;
  return {
    conversation_id: conversationId,
    participant_id: participant.id,
    queue_id: participant.queueId,
    media_type: stay.medium,
    direction: directionOf(of, stay.latest),
    consult: participant.consult,
    entered_time: stay.entered,
    left_time: stay.left,
    outcome: outcomeOf(of, stay),
    disconnect_type: stay.disconnectType,
    routing_skill_id: participant.skills?.join(',') ?? null,
    offers: stay.offers,
    offers_missed: stay.offersMissed,
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

interface Stay {
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
  /** Filled in once all stays and all communications of agents are known. */
  answer: Answer | null;
  offers: number;
  offersMissed: number;
}

function staysOf(of: Counted): readonly Stay[] {
  const stays: Stay[] = [];
  for (const participant of of.participants) {
    if (isQueued(participant) && participant.id !== RECLAIMED) stays.push(stayOf(of, participant));
  }
  return stays;
}

function stayOf(of: Counted, participant: QueuedParticipant): Stay {
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

function knows({ medium }: Stay, leg: Communication): boolean {
  return medium === null || leg.medium === medium;
}

// ------------------------------------------------------------------------------------------------------- the answer

interface Answer extends AgentLeg {
  readonly connected: number;
}

/** Finds the answer of each stay. */
function findAnswers(stays: readonly Stay[], legs: readonly AgentLeg[]): void {
  for (const candidate of legs) {
    if (!isCandidate(candidate)) continue;
    const stay = answeredBy(candidate, stays);
    if (stay !== null && (stay.answer === null || isBetter(stay, candidate, stay.answer))) stay.answer = candidate;
  }
}

function isCandidate(leg: AgentLeg): leg is Answer {
  return leg.connected !== null;
}

/** The nearest of the visits that the candidate fits; none while a visit that it may still answer is waiting. */
function answeredBy(candidate: Answer, stays: readonly Stay[]): Stay | null {
  const { connected, leg } = candidate;
  let nearest: Stay | null = null;
  for (const stay of stays) {
    if (!knows(stay, leg)) continue;
    if (stay.waiting && stay.entered <= connected) return null;
    // If two are equally near, the later participant.
    if (fits(candidate, stay) && (nearest === null || distance(candidate, stay) <= distance(candidate, nearest))) {
      nearest = stay;
    }
  }
  return nearest;
}

function fits(candidate: Answer, stay: Stay): boolean {
  const { left } = stay;
  if (left === null || distance(candidate, stay) > TOLERANCE_MS) return false;
  if (candidate.connected < stay.entered && !stay.provisional) return false;
  if (stay.disconnectType !== null && !stay.disconnectType.startsWith('transfer')) return false;
  return candidate.alerting === null || candidate.alerting <= left;
}

function distance({ connected }: Answer, { left }: Stay): number {
  return left === null ? Infinity : Math.abs(connected - left);
}

/** The nearer candidate wins, then the earlier one; if both are equal, the first in order stays. */
function isBetter(stay: Stay, candidate: Answer, other: Answer): boolean {
  const nearer = distance(candidate, stay) - distance(other, stay);
  return nearer < 0 || (nearer === 0 && candidate.connected < other.connected);
}

// ------------------------------------------------------------------------------------------------------ the outcome

function outcomeOf(of: Counted, stay: Stay): QueueVisit['outcome'] {
  if (stay.waiting) return 'waiting';
  if (stay.answer !== null) return 'answered';
  if (stay.left === null) return 'unknown';
  if (stay.disconnectType?.startsWith('transfer') === true) return 'flowed_out';
  return stay.disconnectType === null && isTakenOver(of, stay, stay.left) ? 'flowed_out' : 'abandoned';
}

/** Somebody else connected when it left: a flow, a voicemail or another queue. */
function isTakenOver(of: Counted, stay: Stay, left: number): boolean {
  return of.participants.some((other) => {
    if (other === stay.participant || other.supervisor || purposeOf(other) === 'customer') return false;
    const agent = isAgentParticipant(other);
    return of.communications(other).some((leg) => {
      const time = field(leg, 'connectedTime');
      if (time === null || (agent && !knows(stay, leg))) return false;
      return time >= stay.entered && Math.abs(time - left) <= TOLERANCE_MS;
    });
  });
}

// ------------------------------------------------------------------------------------------------------- the offers

/** Counts each stay's offers. The communication that answered a visit is an offer of that visit only. */
function countOffers(stays: readonly Stay[], legs: readonly AgentLeg[]): void {
  for (const leg of legs) {
    const stay = answeredOf(leg, stays) ?? offeredTo(leg, stays);
    if (stay === null) continue;
    stay.offers++;
    if (leg.ended && leg.connected === null) stay.offersMissed++;
  }
}

function answeredOf(leg: AgentLeg, stays: readonly Stay[]): Stay | null {
  for (const stay of stays) if (stay.answer === leg) return stay;
  return null;
}

/** The visit that an offer counts for. */
function offeredTo(offer: AgentLeg, stays: readonly Stay[]): Stay | null {
  const time = offer.alerting ?? offer.connected ?? offer.disconnected;
  if (time === null) {
    const last = latestEntered(offer, stays);
    return last !== null && isOpen(last) ? last : null;
  }
  const stay =
    (offer.alerting === null && offer.connected === null ? leftJustBefore(time, offer, stays) : null) ??
    latestEntered(offer, stays, time) ??
    latestProvisional(offer, stays);
  if (stay === null || isOpen(stay)) return stay;
  const grace = offer.alerting === null ? TOLERANCE_MS : 0;
  return stay.left !== null && time <= stay.left + grace ? stay : null;
}

/** It waits or its outcome is unknown: it has no time at which it left. */
function isOpen({ left }: Stay): boolean {
  return left === null;
}

// Below, the later of equal stays wins: the one whose participant has the greater position, then the greater id.

/**
 * An alert that ends with the visit, or just after it, was an offer of that visit, even if a later visit began
 * meanwhile.
 */
function leftJustBefore(time: number, { leg }: AgentLeg, stays: readonly Stay[]): Stay | null {
  let found: Stay | null = null;
  let greatest = time - TOLERANCE_MS;
  for (const stay of stays) {
    if (stay.left === null || stay.left > time || stay.left < greatest || !knows(stay, leg)) continue;
    found = stay;
    greatest = stay.left;
  }
  return found;
}

function latestEntered({ leg }: AgentLeg, stays: readonly Stay[], notAfter = Infinity): Stay | null {
  let found: Stay | null = null;
  for (const stay of stays) {
    if (stay.entered > notAfter || !knows(stay, leg)) continue;
    if (found === null || stay.entered >= found.entered) found = stay;
  }
  return found;
}

function latestProvisional({ leg }: AgentLeg, stays: readonly Stay[]): Stay | null {
  let found: Stay | null = null;
  for (const stay of stays) {
    if (!stay.provisional || !knows(stay, leg)) continue;
    if (found === null || stay.entered >= found.entered) found = stay;
  }
  return found;
}

import type { Counted } from './counted';
import { byPlace, isAgent, latestCommunication } from './latest';
import { connectedTime, isQueued, purposeOf, realConnectedTime, type QueuedParticipant } from './lifecycle';
import { later } from './merge';
import { directionOf } from './project';
import { field, isEnded, type Communication, type Participant, RECLAIMED } from './state';
import { sameVisit, type Visit } from './visit';

/**
 * What became of each visit to a queue (specification of queue_visit, section 3): a pure function of what is known of
 * the conversation. A visit is the stay of one queued acd participant. In the order of the participants.
 */
export function visits(conversationId: string, of: Counted): readonly Visit[] {
  const queued = of.participants.filter(isQueued).filter(({ id }) => id !== RECLAIMED);
  if (queued.length === 0) return [];
  const stays = queued.map((participant) => stayOf(of, participant));
  const legs = agentLegs(of);
  const answers = answersOf(stays, legs);
  const offers = offersOf(stays, legs, answers);
  return stays.map((stay): Visit => {
    const { participant, latest } = stay;
    const answer = answers.get(stay) ?? null;
    return {
      conversation_id: conversationId,
      participant_id: participant.id,
      queue_id: participant.queueId,
      media_type: stay.medium,
      direction: directionOf(of, latest),
      consult: participant.consult,
      entered_time: stay.entered,
      left_time: stay.left,
      outcome: outcomeOf(of, stay, answer),
      disconnect_type: stay.disconnectType,
      routing_skill_id: participant.skills?.join(',') ?? null,
      offers: offers.get(stay)?.all ?? 0,
      offers_missed: offers.get(stay)?.missed ?? 0,
      answered_time: answer?.connected ?? null,
      user_id: answer?.agent.userId ?? null,
      agent_participant_id: answer?.agent.id ?? null,
      agent_communication_id: answer?.leg.id ?? null,
      agent_left_time: answer?.ended === true ? answer.disconnected : null,
    };
  });
}

/** The visits whose columns differ from before, and new ones. */
export function changedVisits(conversationId: string, before: Counted, after: Counted): readonly Visit[] {
  const now = visits(conversationId, after);
  if (now.length === 0) return now;
  const known = new Map(visits(conversationId, before).map((visit) => [visit.participant_id, visit]));
  return now.filter((visit) => {
    const same = known.get(visit.participant_id);
    return same === undefined || !sameVisit(same, visit);
  });
}

/** How far apart the end of the queue's communication and the beginning of the agent's may be. */
const TOLERANCE_MS = 1_000;

interface Stay {
  readonly participant: QueuedParticipant;
  readonly latest: Communication | null;
  /** Of its latest communication; only agents' communications of that medium are known to it. Null: all are. */
  readonly medium: string | null;
  readonly entered: number;
  /** `entered` is the receive time of the event that made it queued. */
  readonly provisional: boolean;
  readonly waiting: boolean;
  readonly left: number | null;
  readonly disconnectType: string | null;
}

function stayOf(of: Counted, participant: QueuedParticipant): Stay {
  const legs = of.communications(participant);
  const latest = latestCommunication(legs);
  const waiting = legs.some((leg) => !isEnded(leg));
  const left = legs.reduce<number | null>((last, leg) => later(last, field(leg, 'disconnectedTime')), null);
  return {
    participant,
    latest,
    medium: latest === null ? null : latest.medium,
    entered: connectedTime(of, participant),
    provisional: realConnectedTime(of, participant) === null,
    waiting,
    left: waiting ? null : left,
    disconnectType: latest === null ? null : field(latest, 'disconnectType'),
  };
}

/** A communication of an agent: an offer, and with a connected time perhaps the answer. */
interface AgentLeg {
  readonly agent: Participant;
  readonly leg: Communication;
  readonly ended: boolean;
  readonly alerting: number | null;
  readonly connected: number | null;
  readonly disconnected: number | null;
}

/** Of agents and users who are no supervisors and no queued acd participants; in the order of participants and places. */
function agentLegs(of: Counted): readonly AgentLeg[] {
  return of.participants.filter(isAgentParticipant).flatMap((agent) => {
    const legs = of.communications(agent);
    const ordered = legs.length > 1 ? legs.toSorted(byPlace) : legs;
    return ordered.map((leg) => ({
      agent,
      leg,
      ended: isEnded(leg),
      alerting: field(leg, 'startAlertingTime'),
      connected: field(leg, 'connectedTime'),
      disconnected: field(leg, 'disconnectedTime'),
    }));
  });
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

function answersOf(stays: readonly Stay[], legs: readonly AgentLeg[]): ReadonlyMap<Stay, Answer> {
  const answers = new Map<Stay, Answer>();
  for (const candidate of legs) {
    if (!isCandidate(candidate)) continue;
    const stay = answeredBy(candidate, stays);
    if (stay === null) continue;
    const other = answers.get(stay);
    if (other === undefined || isBetter(stay, candidate, other)) answers.set(stay, candidate);
  }
  return answers;
}

function isCandidate(leg: AgentLeg): leg is Answer {
  return leg.connected !== null;
}

/** Of the visits that the candidate fits the nearest; none while one that it may yet answer is still waiting. */
function answeredBy(candidate: Answer, stays: readonly Stay[]): Stay | null {
  const { connected, leg } = candidate;
  let nearest: Stay | null = null;
  for (const stay of stays) {
    if (!knows(stay, leg)) continue;
    if (stay.waiting && stay.entered <= connected) return null;
    // Equally near ones: the later participant.
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

/** The nearer, then the earlier; of equal ones it stays the first in order. */
function isBetter(stay: Stay, candidate: Answer, other: Answer): boolean {
  const nearer = distance(candidate, stay) - distance(other, stay);
  return nearer < 0 || (nearer === 0 && candidate.connected < other.connected);
}

// ------------------------------------------------------------------------------------------------------ the outcome

function outcomeOf(of: Counted, stay: Stay, answer: Answer | null): Visit['outcome'] {
  if (stay.waiting) return 'waiting';
  if (answer !== null) return 'answered';
  if (stay.left === null) return 'unknown';
  if (stay.disconnectType?.startsWith('transfer') === true) return 'flowed_out';
  return stay.disconnectType === null && isTakenOver(of, stay, stay.left) ? 'flowed_out' : 'abandoned';
}

/** Somebody else connected when it left: a flow, a voicemail, another queue. */
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

interface Offers {
  readonly all: number;
  readonly missed: number;
}

function offersOf(
  stays: readonly Stay[],
  legs: readonly AgentLeg[],
  answers: ReadonlyMap<Stay, Answer>,
): ReadonlyMap<Stay, Offers> {
  const offers = new Map<Stay, Offers>();
  const answered = new Map([...answers].map(([stay, answer]) => [answer as AgentLeg, stay]));
  for (const leg of legs) {
    const stay = answered.get(leg) ?? offeredTo(leg, stays);
    if (stay === null) continue;
    const { all, missed } = offers.get(stay) ?? { all: 0, missed: 0 };
    offers.set(stay, { all: all + 1, missed: missed + Number(leg.ended && leg.connected === null) });
  }
  return offers;
}

/** The visit that an offer counts for. */
function offeredTo(offer: AgentLeg, stays: readonly Stay[]): Stay | null {
  const known = stays.filter((stay) => knows(stay, offer.leg));
  const time = offer.alerting ?? offer.connected ?? offer.disconnected;
  if (time === null) {
    const last = latestEntered(known);
    return last !== null && isOpen(last) ? last : null;
  }
  const stay =
    (offer.alerting === null && offer.connected === null ? leftJustBefore(time, known) : null) ??
    latestEntered(known.filter(({ entered }) => entered <= time)) ??
    latestEntered(known.filter(({ provisional }) => provisional));
  if (stay === null || isOpen(stay)) return stay;
  const grace = offer.alerting === null ? TOLERANCE_MS : 0;
  return stay.left !== null && time <= stay.left + grace ? stay : null;
}

/** Waiting or unknown: it has no time at which it left. */
function isOpen({ left }: Stay): boolean {
  return left === null;
}

/** An alert that ends with the visit, or just after it, was an offer of that visit, whatever was entered meanwhile. */
function leftJustBefore(time: number, stays: readonly Stay[]): Stay | null {
  const near = stays.filter(({ left }) => left !== null && left <= time && time - left <= TOLERANCE_MS);
  return greatest(near, ({ left }) => left ?? -Infinity);
}

function latestEntered(stays: readonly Stay[]): Stay | null {
  return greatest(stays, ({ entered }) => entered);
}

/** Of equal ones the one whose participant has the greater position, then id: the later. */
function greatest(stays: readonly Stay[], timeOf: (stay: Stay) => number): Stay | null {
  let found: Stay | null = null;
  for (const stay of stays) if (found === null || timeOf(stay) >= timeOf(found)) found = stay;
  return found;
}

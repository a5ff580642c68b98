/** Part of the naive model: section 3 of the specification of queue_visit, from its text alone, sentence by sentence. */
import { compareBytes, queuedMembers, same, type Leg, type Member } from './naive-merge';
import { direction, latestLeg, place, realConnectedTime } from './naive-project';

export type NaiveVisit = Record<string, string | number | boolean | null>;

interface Visit {
  readonly member: Member;
  readonly medium: string | null;
  readonly entered: number;
  readonly isProvisional: boolean;
  readonly isWaiting: boolean;
  readonly left: number | null;
  readonly disconnectType: string | null;
}

interface AgentLeg {
  readonly agent: Member;
  readonly leg: Leg;
}

const SECOND = 1_000;
const iso = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

/** Ascending, by each number in turn. */
const byNumbers = (a: readonly number[], b: readonly number[]): number =>
  a.map((each, n) => each - (b[n] ?? 0)).find((difference) => difference !== 0) ?? 0;
const byMember = (a: Member, b: Member): number => a.position - b.position || compareBytes(a.id, b.id);

function visitOf(member: Member): Visit {
  const latest = latestLeg(member);
  const isWaiting = member.legs.some(({ ended }) => !ended);
  const ends = member.legs.map(({ fields }) => fields.disconnectedTime).filter((time) => time !== null);
  const real = realConnectedTime(member);
  return {
    member,
    medium: latest?.medium ?? null,
    entered: real ?? member.queuedAt ?? NaN,
    isProvisional: real === null,
    isWaiting,
    left: isWaiting || ends.length === 0 ? null : Math.max(...ends),
    disconnectType: latest?.fields.disconnectType ?? null,
  };
}

const isAgent = ({ supervisor, queuedAt, fields }: Member): boolean =>
  !supervisor && queuedAt === null && (same(fields.purpose, 'agent') || same(fields.purpose, 'user'));

const isKnownTo = (visit: Visit, leg: Leg): boolean => visit.medium === null || visit.medium === leg.medium;

/** "A candidate fits a visit …" */
function fits({ leg }: AgentLeg, visit: Visit): boolean {
  const { connectedTime: c, startAlertingTime } = leg.fields;
  if (c === null || visit.left === null) return false;
  return (
    (visit.entered <= c || visit.isProvisional) &&
    Math.abs(c - visit.left) <= SECOND &&
    (visit.disconnectType === null || visit.disconnectType.startsWith('transfer')) &&
    !(startAlertingTime !== null && startAlertingTime > visit.left)
  );
}

const distance = ({ leg }: AgentLeg, visit: Visit): number =>
  Math.abs((leg.fields.connectedTime ?? NaN) - (visit.left ?? NaN));

/** The visit that the candidate answers, without regard to other candidates. */
function answered(candidate: AgentLeg, all: readonly Visit[]): Visit | undefined {
  const c = candidate.leg.fields.connectedTime;
  const known = all.filter((visit) => isKnownTo(visit, candidate.leg));
  if (c === null || known.some(({ isWaiting, entered }) => isWaiting && entered <= c)) return undefined;
  return known
    .filter((visit) => fits(candidate, visit))
    .sort((a, b) => distance(candidate, a) - distance(candidate, b) || -byMember(a.member, b.member))[0];
}

function answerOf(visit: Visit, candidates: readonly AgentLeg[], all: readonly Visit[]): AgentLeg | undefined {
  const key = (candidate: AgentLeg): number[] => [
    distance(candidate, visit),
    candidate.leg.fields.connectedTime ?? NaN,
  ];
  return candidates
    .filter((candidate) => answered(candidate, all) === visit)
    .sort(
      (a, b) =>
        byNumbers(key(a), key(b)) ||
        byMember(a.agent, b.agent) ||
        byNumbers([place(a.leg.medium), a.leg.index], [place(b.leg.medium), b.leg.index]) ||
        compareBytes(a.leg.id, b.leg.id),
    )[0];
}

function wasTakenOver(visit: Visit, members: readonly Member[]): boolean {
  return members
    .filter((member) => member !== visit.member && !member.supervisor && !same(member.fields.purpose, 'customer'))
    .flatMap((member) => member.legs.filter((leg) => !isAgent(member) || isKnownTo(visit, leg)))
    .some(({ fields: { connectedTime: time } }) => {
      return time !== null && time >= visit.entered && Math.abs(time - (visit.left ?? NaN)) <= SECOND;
    });
}

function outcome(visit: Visit, answer: AgentLeg | undefined, members: readonly Member[]): string {
  if (visit.isWaiting) return 'waiting';
  if (answer !== undefined) return 'answered';
  if (visit.left === null) return 'unknown';
  if (visit.disconnectType === null) return wasTakenOver(visit, members) ? 'flowed_out' : 'abandoned';
  return visit.disconnectType.startsWith('transfer') ? 'flowed_out' : 'abandoned';
}

/** The visit that has a communication without an answer as an offer. */
function offeredIn({ leg }: AgentLeg, all: readonly Visit[]): Visit | undefined {
  const { startAlertingTime, connectedTime, disconnectedTime } = leg.fields;
  const time = startAlertingTime ?? connectedTime ?? disconnectedTime;
  const isEnd = startAlertingTime === null && connectedTime === null;
  const known = all.filter((visit) => isKnownTo(visit, leg));
  const last = (those: readonly Visit[], key: (visit: Visit) => number): Visit | undefined =>
    [...those].sort((a, b) => key(a) - key(b) || byMember(a.member, b.member)).at(-1);
  const latest = (those: readonly Visit[]): Visit | undefined => last(those, ({ entered }) => entered);
  if (time === null) {
    const visit = latest(known);
    return visit?.left === null ? visit : undefined;
  }
  const justLeft = known.filter(({ left }) => isEnd && left !== null && left <= time && left >= time - SECOND);
  const visit =
    last(justLeft, ({ left }) => left ?? NaN) ??
    latest(known.filter(({ entered }) => entered <= time)) ??
    latest(known.filter(({ isProvisional }) => isProvisional));
  if (visit === undefined || visit.left === null) return visit;
  return time <= visit.left + (startAlertingTime === null ? SECOND : 0) ? visit : undefined;
}

/** All columns except db_last_updated, in the order of the participants. */
export function naiveVisits(conversation: string, members: readonly Member[]): NaiveVisit[] {
  const all = queuedMembers(members).map(visitOf);
  const legs = members.filter(isAgent).flatMap((agent) => agent.legs.map((leg): AgentLeg => ({ agent, leg })));
  const answers = new Map(all.map((visit) => [visit, answerOf(visit, legs, all)]));
  const offers = legs.map((leg) => ({
    leg,
    visit: all.find((visit) => answers.get(visit) === leg) ?? offeredIn(leg, all),
  }));
  return all.map((visit): NaiveVisit => {
    const answer = answers.get(visit);
    const own = offers.filter((offer) => offer.visit === visit).map(({ leg: { leg } }) => leg);
    return {
      conversation_id: conversation,
      participant_id: visit.member.id,
      queue_id: visit.member.fields.queueId,
      media_type: visit.medium,
      direction: direction(members, latestLeg(visit.member)),
      consult: visit.member.fields.consult === true,
      entered_time: iso(visit.entered),
      left_time: iso(visit.left),
      outcome: outcome(visit, answer, members),
      disconnect_type: visit.disconnectType,
      routing_skill_id: visit.member.fields.skills?.join(',') ?? null,
      offers: own.length,
      offers_missed: own.filter(({ ended, fields }) => ended && fields.connectedTime === null).length,
      answered_time: iso(answer?.leg.fields.connectedTime ?? null),
      user_id: answer?.agent.fields.userId ?? null,
      agent_participant_id: answer?.agent.id ?? null,
      agent_communication_id: answer?.leg.id ?? null,
      agent_left_time: answer?.leg.ended === true ? iso(answer.leg.fields.disconnectedTime) : null,
    };
  });
}

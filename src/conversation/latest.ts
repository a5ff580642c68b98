import { hasLiveCommunication, type Counted } from './counted';
import { purposeOf } from './lifecycle';
import { mediumOrder } from './media';
import { field, isEnded, type Communication, type Participant } from './state';
import { compareIds } from './values';
import { later } from './versions';

/**
 * Who acted last in a conversation, and on which communication (specification, section 5).
 * @param waiting whether the customer waits in a queue now
 */
export function latestParticipant(of: Counted, waiting: boolean): Participant | null {
  const candidates = of.participants.filter((p) => !p.supervisor && of.communications(p).length > 0);
  const last = candidates.at(-1);
  if (last === undefined || hasLiveCommunication(of, last)) return last ?? null;
  const others = candidates.slice(0, -1).filter((p) => isHandler(purposeOf(p)));
  if (waiting) return joinedAgain(of, last, others) ?? last;
  return talksOn(of, others) ?? endedLast(of, [...others, last]);
}

/** Neither customer, external nor acd. */
export function isHandler(purpose: string | null): boolean {
  return purpose !== 'acd' && !isOutsideParty(purpose);
}

export function isOutsideParty(purpose: string | null): boolean {
  return purpose === 'customer' || purpose === 'external';
}

export function isAgent(purpose: string | null): boolean {
  return purpose === 'agent' || purpose === 'user';
}

/**
 * 1. After an agent rejects, the row shows that agent until the next one joins. But one agent participant may hold
 * several sessions, so an earlier agent may have joined again after the last one finished: one of its communications
 * connected no earlier than the latest known time of the last one.
 */
function joinedAgain(of: Counted, last: Participant, others: readonly Participant[]): Participant | undefined {
  const through = lastTime(of, last);
  if (through === null) return undefined;
  return others.findLast((p) =>
    of.communications(p).some((leg) => (field(leg, 'connectedTime') ?? -Infinity) >= through),
  );
}

/**
 * The latest of the participant's connected time, its communications' connected times and their times that make
 * progress.
 */
function lastTime(of: Counted, participant: Participant): number | null {
  let last = participant.connectedTime;
  for (const leg of of.communications(participant)) {
    last = later(last, later(field(leg, 'connectedTime'), field(leg, 'disconnectedTime')));
    const work = field(leg, 'afterCallWork');
    if (work !== null) last = later(last, later(work.startTime, work.endTime));
    last = later(last, field(leg, 'messages')?.messageTime ?? null);
  }
  return last;
}

/**
 * 2. A colleague who leaves a conference or declines a consult does not hide the agent who keeps talking; neither does
 * an abandoned consult of another queue. If several talk, it is the one who connected last.
 */
function talksOn(of: Counted, others: readonly Participant[]): Participant | null {
  const live = others.filter((p) => isAgent(purposeOf(p)) && hasLiveCommunication(of, p));
  return greatest(live, (p) => {
    const leg = latestCommunication(of.communications(p));
    return (leg === null ? null : field(leg, 'connectedTime')) ?? -Infinity;
  });
}

/** 3. Nobody is left: the one who ended last. A communication without a known end ended after all others. */
function endedLast(of: Counted, those: readonly Participant[]): Participant | null {
  return greatest(those, (p) =>
    of.communications(p).reduce((last, leg) => Math.max(last, field(leg, 'disconnectedTime') ?? Infinity), -Infinity),
  );
}

/** If several are equal, the last one, so the one with the greatest position. */
function greatest(those: readonly Participant[], timeOf: (participant: Participant) => number): Participant | null {
  let found: Participant | null = null;
  let time = -Infinity;
  for (const participant of those) {
    const own = timeOf(participant);
    if (found === null || own >= time) [found, time] = [participant, own];
  }
  return found;
}

export function latestCommunication(legs: readonly Communication[]): Communication | null {
  let latest: Communication | null = null;
  for (const leg of legs) if (latest === null || compareLegs(leg, latest) > 0) latest = leg;
  return latest;
}

/**
 * A communication that has not ended comes before one that has. Of live ones the greater connectedTime wins; of ended
 * ones the greater disconnectedTime, then the greater connectedTime; then the later place.
 */
function compareLegs(a: Communication, b: Communication): number {
  const ended = isEnded(a);
  if (ended !== isEnded(b)) return ended ? -1 : 1;
  return (
    (ended ? compareTimes(field(a, 'disconnectedTime'), field(b, 'disconnectedTime')) : 0) ||
    compareTimes(field(a, 'connectedTime'), field(b, 'connectedTime')) ||
    byPlace(a, b)
  );
}

/** Arrays in the order of section 2, then index, then id. */
export function byPlace(a: Communication, b: Communication): number {
  return mediumOrder(a.medium) - mediumOrder(b.medium) || a.index - b.index || compareIds(a.id, b.id);
}

/** An absent time is the lowest. */
function compareTimes(a: number | null, b: number | null): number {
  if (a === b) return 0;
  return (a ?? -Infinity) < (b ?? -Infinity) ? -1 : 1;
}

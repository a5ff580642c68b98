import type { Behaviour } from './behaviours';
import type { Facts, LegOptions } from './legs';
import { drawFacts, makeLeg } from './legs';
import type { Conversation, Leg, Medium, Message, Party, Purpose, Supervision } from './model';
import type { PersonalData } from './personal';
import type { Random } from './random';

/**
 * A conversation's life as a coroutine: it changes the conversation through the scene's verbs and yields how long
 * (virtual milliseconds) until it goes on. Whatever changed before a yield is one snapshot.
 */
export type Script = Generator<number, void, undefined>;

/** Like a script, with a result. */
export type Passage<T> = Generator<number, T, undefined>;

export interface World {
  readonly queueIds: readonly string[];
  readonly agentIds: readonly string[];
  readonly supervisorIds: readonly string[];
  readonly skillIds: readonly string[];
  /**
   * Two snapshots that differ in nothing the table uses are duplicates when they come within 10 s (specification,
   * section 3), so what goes and comes back without a trace stays away this much longer.
   */
  readonly parkAtLeastMs: number;
  now(): number;
  note(behaviour: Behaviour): void;
  /** A conversation will wait for days. False: as many as may do so already. */
  enterBacklog(): boolean;
  leaveBacklog(): void;
}

export type Scene = ReturnType<typeof createScene>;

/** The verbs of what people do; each changes the model at the present virtual time. */
export function createScene(
  world: World,
  conversation: Conversation,
  tools: { random: Random; personal: PersonalData; later: (delayMs: number, action: () => void) => void },
) {
  const { random, personal, later } = tools;
  const facts: Facts = drawFacts(random, personal, world.now());
  const attributes = personal.attributes();

  function join(
    purpose: Purpose,
    more: Partial<Pick<Party, 'userId' | 'queueId' | 'skills' | 'supervises' | 'consultsAbout'>>,
  ): Party {
    const party: Party = {
      id: random.uuid(),
      purpose,
      joinedAt: world.now(),
      userId: null,
      queueId: null,
      skills: [],
      supervises: null,
      consultsAbout: null,
      stay: purpose === 'acd' ? { offered: [], answeredBy: null, flowedOut: false } : null,
      ...more,
      connectedAt: null,
      endedAt: null,
      legs: [],
      extra: partyNoise(purpose),
      version: 0,
    };
    conversation.parties.push(party);
    return party;
  }

  function partyNoise(purpose: Purpose): Record<string, unknown> {
    const person = purpose === 'customer' || purpose === 'external' || purpose === 'agent' || purpose === 'user';
    const isCustomer = purpose === 'customer' || purpose === 'external';
    return {
      ...(person ? { name: personal.person() } : {}),
      ...(isCustomer ? { address: personal.phone(), externalContactId: personal.personId() } : {}),
      ...(purpose === 'agent' ? { alertingTimeoutMs: 30_000, wrapupPrompt: 'optional', mediaRoles: ['full'] } : {}),
      wrapupRequired: false,
      wrapupExpected: purpose === 'agent',
      attributes: purpose === 'customer' || purpose === 'acd' ? attributes : {},
      additionalProperties: {},
    };
  }

  function open(party: Party, options: LegOptions): Leg {
    const leg = makeLeg({ facts, random, personal }, party, world.now(), options);
    party.legs.push(leg);
    // Recordings have participants without a connectedTime of their own: then the leg's counts.
    if (leg.connectedAt !== null && random.chance(0.9)) party.connectedAt ??= leg.connectedAt;
    party.version += 1;
    return leg;
  }

  function connect(party: Party, leg: Leg): void {
    leg.state = 'connected';
    leg.connectedAt ??= world.now();
    party.connectedAt ??= leg.connectedAt;
    party.version += 1;
  }

  function end(party: Party, leg: Leg, disconnectType: string): void {
    if (leg.ended) return;
    leg.ended = true;
    leg.state = leg.medium === 'call' ? 'terminated' : 'disconnected';
    leg.disconnectedAt = world.now();
    leg.disconnectType = disconnectType;
    if (party.legs.every((one) => one.ended)) party.endedAt = world.now();
    party.version += 1;
  }

  function endParty(party: Party, disconnectType: string): void {
    for (const leg of party.legs) end(party, leg, disconnectType);
  }

  /** An agent's leg ends and after-call work begins; it completes by itself, with a wrap-up code and a note. */
  function endWithWork(party: Party, leg: Leg, disconnectType: string): void {
    end(party, leg, disconnectType);
    if (random.chance(0.15)) {
      leg.work = { state: random.pick(['notApplicable', 'skipped']), startedAt: null, endedAt: null };
      world.note('no-after-call-work');
      return;
    }
    const work = { state: 'pending', startedAt: world.now(), endedAt: null as number | null };
    leg.work = work;
    world.note('after-call-work');
    later(random.integer(4_000, 45_000), () => {
      work.state = 'complete';
      work.endedAt = world.now();
      const wrapup = {
        code: random.uuid(),
        notes: personal.sentence(),
        tags: [],
        durationSeconds: Math.round((work.endedAt - work.startedAt) / 1_000),
        endTime: new Date(work.endedAt).toISOString(),
      };
      leg.extra['wrapup'] = wrapup;
      party.extra['wrapup'] = wrapup;
      party.version += 1;
      world.note('wrap-up');
    });
  }

  /** An acd participant in a queue, on it until an agent answers. */
  function enterQueue(wanted: string, options: LegOptions, consultsAbout: string | null = null): Party {
    // It may have been removed since it was chosen.
    const queueId = world.queueIds.includes(wanted) ? wanted : random.pick(world.queueIds);
    const skills = random.chance(0.6)
      ? Array.from({ length: random.integer(1, 3) }, () => random.pick(world.skillIds))
      : [];
    const acd = join('acd', { queueId, skills, consultsAbout });
    open(acd, options);
    if (!conversation.queueIds.includes(queueId)) conversation.queueIds.push(queueId);
    return acd;
  }

  function supervise(how: Supervision, target: Party, medium: Medium): Party {
    const party = join('user', { userId: random.pick(world.supervisorIds), supervises: { how, partyId: target.id } });
    if (how === 'screenMonitored') party.extra['screenMonitorings'] = [secondary('AgentLevel')];
    else open(party, { medium, state: 'connected' });
    party.version += 1;
    return party;
  }

  /** A session of a medium that the table has no value for. */
  function secondary(monitoringType: string): Record<string, unknown> {
    const at = new Date(world.now()).toISOString();
    return { id: random.uuid(), state: 'connected', connectedTime: at, provider: 'PureCloud', monitoringType };
  }

  function say(party: Party, leg: Leg, status: string): Message {
    const media = random.chance(0.2)
      ? [{ id: random.uuid(), url: personal.url('media'), mediaType: 'image/png', name: personal.person() }]
      : [];
    const message: Message = {
      sentAt: world.now(),
      status,
      extra: { messageId: random.uuid(), messageSegmentCount: 1, media, stickers: [] },
    };
    leg.messages.push(message);
    party.version += 1;
    return message;
  }

  const anotherOf = (ids: readonly string[], taken: string | null): string =>
    random.pick(ids.length > 1 ? ids.filter((id) => id !== taken) : ids);

  return {
    conversation,
    facts,
    random,
    join,
    open,
    connect,
    end,
    endParty,
    endWithWork,
    enterQueue,
    supervise,
    secondary,
    say,
    later,
    now: world.now,
    note: world.note,
    enterBacklog: world.enterBacklog,
    leaveBacklog: world.leaveBacklog,
    parkAtLeastMs: world.parkAtLeastMs,
    touch: (party: Party): void => void (party.version += 1),
    someQueue: (otherThan: string | null = null): string => anotherOf(world.queueIds, otherThan),
    someAgent: (otherThan: string | null = null): string => anotherOf(world.agentIds, otherThan),
  };
}

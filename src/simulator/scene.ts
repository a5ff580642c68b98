import type { Behaviour } from './behaviours';
import type { Facts, LegOptions } from './legs';
import { drawFacts, makeLeg } from './legs';
import type { Conversation, Leg, Medium, Message, Party, Purpose, Supervision } from './model';
import type { PersonalData } from './personal';
import type { Random } from './random';

/**
 * A conversation's life as a coroutine. It changes the conversation through the scene's verbs, and yields the virtual
 * milliseconds until it continues. All changes before a yield make one snapshot.
 */
export type Script = Generator<number, void, undefined>;

/** Like a script, but with a result. */
export type Passage<T> = Generator<number, T, undefined>;

export interface World {
  readonly queueIds: readonly string[];
  readonly agentIds: readonly string[];
  readonly supervisorIds: readonly string[];
  readonly skillIds: readonly string[];
  /**
   * Two snapshots that differ in nothing that the table uses are duplicates if they come within 10 s (specification,
   * section 3). So a change that later disappears without a trace lasts this much longer.
   */
  readonly parkAtLeastMs: number;
  now(): number;
  note(behaviour: Behaviour): void;
  /** Asks for a place among the conversations that wait for days. False: there is none. */
  enterBacklog(): boolean;
  leaveBacklog(): void;
}

/** The tools with which a scene changes the conversation. */
export interface SceneTools {
  readonly random: Random;
  readonly personal: PersonalData;
  readonly later: (delayMs: number, action: () => void) => void;
}

/** The verbs of people's actions; each changes the model at the present virtual time. */
export class Scene {
  readonly facts: Facts;
  readonly random: Random;
  readonly #personal: PersonalData;
  readonly #attributes: ReturnType<PersonalData['attributes']>;

  constructor(
    private readonly world: World,
    readonly conversation: Conversation,
    private readonly tools: SceneTools,
  ) {
    this.random = tools.random;
    this.#personal = tools.personal;
    this.facts = drawFacts(this.random, this.#personal, world.now());
    this.#attributes = this.#personal.attributes();
  }

  get parkAtLeastMs(): number {
    return this.world.parkAtLeastMs;
  }

  now(): number {
    return this.world.now();
  }

  note(behaviour: Behaviour): void {
    this.world.note(behaviour);
  }

  enterBacklog(): boolean {
    return this.world.enterBacklog();
  }

  leaveBacklog(): void {
    this.world.leaveBacklog();
  }

  later(delayMs: number, action: () => void): void {
    this.tools.later(delayMs, action);
  }

  touch(party: Party): void {
    party.version += 1;
  }

  someQueue(otherThan: string | null = null): string {
    return this.#anotherOf(this.world.queueIds, otherThan);
  }

  someAgent(otherThan: string | null = null): string {
    return this.#anotherOf(this.world.agentIds, otherThan);
  }

  join(
    purpose: Purpose,
    more: Partial<Pick<Party, 'userId' | 'queueId' | 'skills' | 'supervises' | 'consultsAbout'>>,
  ): Party {
    const party: Party = {
      id: this.random.uuid(),
      purpose,
      joinedAt: this.world.now(),
      userId: null,
      queueId: null,
      skills: [],
      supervises: null,
      consultsAbout: null,
      visit: purpose === 'acd' ? { offered: [], answeredBy: null, flowedOut: false } : null,
      ...more,
      connectedAt: null,
      endedAt: null,
      legs: [],
      extra: this.#partyNoise(purpose),
      version: 0,
    };
    this.conversation.parties.push(party);
    return party;
  }

  #partyNoise(purpose: Purpose): Record<string, unknown> {
    const person = purpose === 'customer' || purpose === 'external' || purpose === 'agent' || purpose === 'user';
    const isCustomer = purpose === 'customer' || purpose === 'external';
    return {
      ...(person ? { name: this.#personal.person() } : {}),
      ...(isCustomer ? { address: this.#personal.phone(), externalContactId: this.#personal.personId() } : {}),
      ...(purpose === 'agent' ? { alertingTimeoutMs: 30_000, wrapupPrompt: 'optional', mediaRoles: ['full'] } : {}),
      wrapupRequired: false,
      wrapupExpected: purpose === 'agent',
      attributes: purpose === 'customer' || purpose === 'acd' ? this.#attributes : {},
      additionalProperties: {},
    };
  }

  open(party: Party, options: LegOptions): Leg {
    const leg = makeLeg(
      { facts: this.facts, random: this.random, personal: this.#personal },
      party,
      this.world.now(),
      options,
    );
    party.legs.push(leg);
    // Some participants in recordings have no connectedTime of their own; then the leg's counts.
    if (leg.connectedAt !== null && this.random.chance(0.9)) party.connectedAt ??= leg.connectedAt;
    party.version += 1;
    return leg;
  }

  connect(party: Party, leg: Leg): void {
    leg.state = 'connected';
    leg.connectedAt ??= this.world.now();
    party.connectedAt ??= leg.connectedAt;
    party.version += 1;
  }

  end(party: Party, leg: Leg, disconnectType: string): void {
    if (leg.ended) return;
    leg.ended = true;
    leg.state = leg.medium === 'call' ? 'terminated' : 'disconnected';
    leg.disconnectedAt = this.world.now();
    leg.disconnectType = disconnectType;
    if (party.legs.every((one) => one.ended)) party.endedAt = this.world.now();
    party.version += 1;
  }

  endParty(party: Party, disconnectType: string): void {
    for (const leg of party.legs) this.end(party, leg, disconnectType);
  }

  /** An agent's leg ends and after-call work begins. The work completes later, with a wrap-up code and a note. */
  endWithWork(party: Party, leg: Leg, disconnectType: string): void {
    this.end(party, leg, disconnectType);
    if (this.random.chance(0.15)) {
      leg.work = { state: this.random.pick(['notApplicable', 'skipped']), startedAt: null, endedAt: null };
      this.world.note('no-after-call-work');
      return;
    }
    const work = { state: 'pending', startedAt: this.world.now(), endedAt: null as number | null };
    leg.work = work;
    this.world.note('after-call-work');
    this.later(this.random.integer(4_000, 45_000), () => {
      work.state = 'complete';
      work.endedAt = this.world.now();
      const wrapup = {
        code: this.random.uuid(),
        notes: this.#personal.sentence(),
        tags: [],
        durationSeconds: Math.round((work.endedAt - work.startedAt) / 1_000),
        endTime: new Date(work.endedAt).toISOString(),
      };
      leg.extra['wrapup'] = wrapup;
      party.extra['wrapup'] = wrapup;
      party.version += 1;
      this.world.note('wrap-up');
    });
  }

  /** An acd participant in a queue, connected until an agent answers. */
  enterQueue(wanted: string, options: LegOptions, consultsAbout: string | null = null): Party {
    // Somebody may have removed the queue since it was chosen.
    const queueId = this.world.queueIds.includes(wanted) ? wanted : this.random.pick(this.world.queueIds);
    const skills = this.random.chance(0.6)
      ? Array.from({ length: this.random.integer(1, 3) }, () => this.random.pick(this.world.skillIds))
      : [];
    const acd = this.join('acd', { queueId, skills, consultsAbout });
    this.open(acd, options);
    if (!this.conversation.queueIds.includes(queueId)) this.conversation.queueIds.push(queueId);
    return acd;
  }

  supervise(how: Supervision, target: Party, medium: Medium): Party {
    const party = this.join('user', {
      userId: this.random.pick(this.world.supervisorIds),
      supervises: { how, partyId: target.id },
    });
    if (how === 'screenMonitored') party.extra['screenMonitorings'] = [this.secondary('AgentLevel')];
    else this.open(party, { medium, state: 'connected' });
    party.version += 1;
    return party;
  }

  /** A session of a medium without a value in the table. */
  secondary(monitoringType: string): Record<string, unknown> {
    const at = new Date(this.world.now()).toISOString();
    return { id: this.random.uuid(), state: 'connected', connectedTime: at, provider: 'PureCloud', monitoringType };
  }

  say(party: Party, leg: Leg, status: string): Message {
    const media = this.random.chance(0.2)
      ? [
          {
            id: this.random.uuid(),
            url: this.#personal.url('media'),
            mediaType: 'image/png',
            name: this.#personal.person(),
          },
        ]
      : [];
    const message: Message = {
      sentAt: this.world.now(),
      status,
      extra: { messageId: this.random.uuid(), messageSegmentCount: 1, media, stickers: [] },
    };
    leg.messages.push(message);
    party.version += 1;
    return message;
  }

  #anotherOf(ids: readonly string[], taken: string | null): string {
    return this.random.pick(ids.length > 1 ? ids.filter((id) => id !== taken) : ids);
  }
}

import type { Behaviour, BehaviourCounts } from './behaviours';
import { BEHAVIOURS } from './behaviours';
import { createSchedule } from './heap';
import type { Conversation } from './model';
import { isLive } from './model';
import { createPersonalData } from './personal';
import type { Random } from './random';
import { createRandom } from './random';
import type { Json, NotificationFrame } from './render';
import { createNotificationRenderer } from './render';
import type { Roster } from './roster';
import { drawScenario } from './scenarios';
import { Scene, type Script, type World } from './scene';
import { rememberEnd } from './truth';

export interface OrganisationOptions {
  /** The same seed gives the same conversations, ids and times included. */
  readonly seed: number;
  /** Another day of the same organization: the same queues and people, but other conversations. Default 0. */
  readonly day?: number | undefined;
  /** The total number of conversations; unset: they never stop. */
  readonly conversations?: number | undefined;
  readonly conversationsPerSecond?: number | undefined;
  /** The number of queues. */
  readonly queues?: number | undefined;
  readonly agents?: number | undefined;
  /** The beginning of the day, in virtual epoch milliseconds. */
  readonly startAt?: number | undefined;
  /** False: small bodies, with empty strings for names, numbers, notes and so on. */
  readonly personalData?: boolean | undefined;
  /** Added to every personal string that the table does not use, so that a test can search for it. */
  readonly mark?: string | undefined;
  /** A parked e-mail stays parked for at least this long in virtual time (see `World.parkAtLeastMs`). */
  readonly parkAtLeastMs?: number | undefined;
  /** How long REST still knows a conversation after its last change. */
  readonly forgetAfterMs?: number | undefined;
}

export interface Emission {
  /** Virtual epoch milliseconds. */
  readonly at: number;
  /** 1, 2, …: the number of notifications so far, with this one. */
  readonly sequence: number;
  readonly conversationId: string;
  readonly frame: NotificationFrame;
}

interface Running {
  readonly conversation: Conversation;
  readonly scene: Scene;
  readonly script: Script;
  readonly random: Random;
  readonly render: (conversation: Conversation) => Json;
  /** The script's parts that are not finished: the script itself and its later actions. */
  pending: number;
}

const DAY_START = Date.UTC(2026, 2, 2, 9);
const HOUR_MS = 3_600_000;
/** How many conversations may wait for days at the same time. */
const LONGEST_BACKLOG = 20;

/** The conversations of an organization on virtual time: they begin, follow their scripts, end and are forgotten. */
export class RunningConversations {
  readonly #options: OrganisationOptions;
  readonly #roster: Roster;
  /** Decides only arrivals. */
  readonly #random: Random;
  readonly #schedule = createSchedule<() => readonly Emission[]>();
  readonly #running = new Map<string, Running>();
  readonly #counts = Object.fromEntries(BEHAVIOURS.map((behaviour) => [behaviour, 0])) as Record<Behaviour, number>;
  readonly #world: World;
  #now: number;
  #begun = 0;
  #backlog = 0;
  #events = 0;

  constructor(options: OrganisationOptions, roster: Roster, random: Random) {
    this.#options = options;
    this.#roster = roster;
    this.#random = random;
    this.#now = options.startAt ?? DAY_START;
    this.#world = {
      queueIds: roster.queueIds,
      agentIds: roster.agentIds,
      supervisorIds: roster.supervisorIds,
      skillIds: roster.skillIds,
      parkAtLeastMs: options.parkAtLeastMs ?? 12_000,
      now: () => this.#now,
      note: (behaviour) => void (this.#counts[behaviour] += 1),
      enterBacklog: () => {
        if (this.#backlog >= LONGEST_BACKLOG) return false;
        this.#backlog += 1;
        return true;
      },
      leaveBacklog: () => void (this.#backlog -= 1),
    };
    this.#planArrival();
  }

  /** The number of notifications so far. */
  get events(): number {
    return this.#events;
  }

  nextAt(): number | null {
    return this.#schedule.nextAt();
  }

  step(): readonly Emission[] {
    const due = this.#schedule.take();
    if (!due) return [];
    this.#now = due.at;
    return due.item();
  }

  conversations(): readonly Conversation[] {
    return [...this.#running.values()].map(({ conversation }) => conversation);
  }

  /** Null: gone. */
  conversation(id: string): Conversation | null {
    return this.#running.get(id)?.conversation ?? null;
  }

  behaviours(): BehaviourCounts {
    return { ...this.#counts };
  }

  /** The system hangs up on every conversation in a queue. */
  disconnectFrom(queueId: string): void {
    for (const running of this.#running.values()) {
      const queue = running.conversation.parties.findLast(({ purpose }) => purpose === 'acd');
      if (queue?.queueId !== queueId || !isLive(running.conversation)) continue;
      this.#schedule.add(this.#now, () => this.#disconnect(running));
    }
  }

  forget(id: string): void {
    const running = this.#running.get(id);
    running?.script.return();
    running?.conversation.queueIds.splice(0);
    this.#running.delete(id);
  }

  #planArrival(): void {
    const { seed, day = 0, conversations: limit = Infinity, conversationsPerSecond = 2 } = this.#options;
    if (this.#begun >= limit) return;
    this.#begun += 1;
    // Each conversation has its own source of randomness, so that one does not influence another.
    const own = day === 0 ? createRandom(seed, this.#begun) : createRandom(seed, day, this.#begun);
    this.#schedule.add(this.#now + this.#random.gap(1_000 / conversationsPerSecond), () => {
      this.#planArrival();
      return this.#advance(this.#begin(own));
    });
  }

  #begin(own: Random): Running {
    const personal = createPersonalData(own, this.#options);
    const conversation: Conversation = {
      id: own.uuid(),
      startedAt: this.#now,
      parties: [],
      queueIds: [],
      past: new Set(),
      extra: {
        divisions: [{ division: { id: own.uuid() }, entities: [{ id: own.uuid() }] }],
        securePause: false,
        utilizationLabelId: '',
        externalTag: personal.person(),
        address: personal.phone(),
        recentTransfers: [],
        additionalProperties: {},
      },
    };
    const scene = new Scene(this.#world, conversation, {
      random: own,
      personal,
      later: (delayMs, action) => {
        running.pending += 1;
        this.#schedule.add(this.#now + delayMs, () => {
          action();
          return this.#endPart(running, this.#emit(running));
        });
      },
    });
    const running: Running = {
      conversation,
      scene,
      script: drawScenario(own)(scene),
      random: own,
      render: createNotificationRenderer(),
      pending: 1,
    };
    this.#running.set(conversation.id, running);
    return running;
  }

  /** Lets a conversation's script change something, sends the change, and plans the next one. */
  #advance(running: Running): readonly Emission[] {
    const { done, value } = running.script.next();
    if (done === true) return this.#endPart(running, []);
    this.#schedule.add(this.#now + value, () => this.#advance(running));
    return this.#emit(running);
  }

  /** The script or one of its later actions has finished. After the last of them the conversation no longer changes. */
  #endPart(running: Running, emissions: readonly Emission[]): readonly Emission[] {
    running.pending -= 1;
    if (running.pending === 0) {
      this.#schedule.add(this.#now + (this.#options.forgetAfterMs ?? HOUR_MS), () => {
        this.#running.delete(running.conversation.id);
        return [];
      });
    }
    return emissions;
  }

  #emit(running: Running): readonly Emission[] {
    const { conversation } = running;
    // Without a queue, no topic would carry it.
    if (conversation.queueIds.length === 0) return [];
    const eventBody = running.render(conversation);
    rememberEnd(conversation);
    if (conversation.queueIds.length > 1) this.#world.note('two-queues');
    const CorrelationId = running.random.uuid();
    return conversation.queueIds.filter(this.#roster.hasQueue).map((queueId) => ({
      at: this.#now,
      sequence: (this.#events += 1),
      conversationId: conversation.id,
      frame: {
        topicName: `v2.routing.queues.${queueId}.conversations`,
        version: '2',
        eventBody,
        metadata: { CorrelationId },
      },
    }));
  }

  /** All legs end, and the script stops. */
  #disconnect(running: Running): readonly Emission[] {
    running.script.return();
    for (const party of running.conversation.parties) running.scene.endParty(party, 'system');
    return this.#emit(running);
  }
}

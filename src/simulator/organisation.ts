import { activityOf, type ActiveSession } from './activity';
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
import { renderRestConversation } from './render-rest';
import type { Named, Queue } from './roster';
import { createRoster } from './roster';
import { drawScenario } from './scenarios';
import type { Scene, Script, World } from './scene';
import { createScene } from './scene';
import type { Truth, TruthRow } from './truth';
import { rememberEnd, truthOf } from './truth';
import { visitsOf, type TruthVisit } from './visit-truth';

export interface OrganisationOptions {
  /** The same seed gives the same conversations, ids and times included. */
  readonly seed: number;
  /** Another day of the same organisation: the same queues and people, other conversations. Default 0. */
  readonly day?: number | undefined;
  /** How many begin in all; unset: they never cease. */
  readonly conversations?: number | undefined;
  readonly conversationsPerSecond?: number | undefined;
  /** How many there are. */
  readonly queues?: number | undefined;
  readonly agents?: number | undefined;
  /** Virtual epoch milliseconds at which the day begins. */
  readonly startAt?: number | undefined;
  /** False: small bodies, with empty strings where names, numbers, notes and the like would be. */
  readonly personalData?: boolean | undefined;
  /** Put into every personal string that the table does not use, so that a test can look for it. */
  readonly mark?: string | undefined;
  /** A parked e-mail stays parked at least so long in virtual time (see `World.parkAtLeastMs`). */
  readonly parkAtLeastMs?: number | undefined;
  /** How long after its last change REST still knows a conversation. */
  readonly forgetAfterMs?: number | undefined;
}

export interface Emission {
  /** Virtual epoch milliseconds. */
  readonly at: number;
  /** 1, 2, …: how many notifications there were with this one. */
  readonly sequence: number;
  readonly conversationId: string;
  readonly frame: NotificationFrame;
}

/** What becomes of the conversations in a queue that is removed. */
export type AfterRemoval = 'go-on' | 'disconnect';

/** A contact centre on virtual time: each step is one change of one conversation. */
export interface Organisation {
  /** Live: queues come and go. */
  readonly queues: readonly Queue[];
  readonly users: readonly Named[];
  readonly skills: readonly Named[];
  hasQueue(id: string): boolean;
  addQueue(name: string): Queue;
  /** Null: there is no such queue. */
  renameQueue(id: string, name: string): Queue | null;
  /**
   * It is in no list any more, and nothing is sent on its topic. False: there is no such queue.
   * @throws RangeError for the last queue
   */
  removeQueue(id: string, conversations: AfterRemoval): boolean;
  /** Of an unknown one as of one that has long ended: nothing is said of it any more, and REST has none. */
  forget(conversationId: string): void;
  /** When the next step is due, in virtual epoch milliseconds; null: nothing will happen any more. */
  nextAt(): number | null;
  /** Takes the next step; its notifications, one for each queue topic that carries the conversation. */
  step(): readonly Emission[];
  truth(): Truth;
  truthOf(conversationId: string): TruthRow | null;
  /** The visits to queues of a conversation that REST still knows; none of any other. */
  visitsOf(conversationId: string): readonly TruthVisit[];
  /** What analytics counts in the queues now. */
  activity(): readonly ActiveSession[];
  /** All that REST still knows. */
  conversations(): readonly Conversation[];
  /** Null: gone. */
  conversation(id: string): Conversation | null;
  /** As REST answers it; null: gone. */
  restConversation(conversationId: string): Json | null;
  behaviours(): BehaviourCounts;
}

interface Life {
  readonly conversation: Conversation;
  readonly scene: Scene;
  readonly script: Script;
  readonly random: Random;
  readonly render: (conversation: Conversation) => Json;
  /** The script and what it has planned for later. */
  pending: number;
}

const DAY_START = Date.UTC(2026, 2, 2, 9);
const HOUR_MS = 3_600_000;
/** So many conversations wait for days at once. */
const LONGEST_BACKLOG = 20;

export function createOrganisation(options: OrganisationOptions): Organisation {
  const { seed, day = 0, conversationsPerSecond = 2, startAt = DAY_START, forgetAfterMs = HOUR_MS } = options;
  const limit = options.conversations ?? Infinity;
  const random = createRandom(seed);
  const roster = createRoster(random, options);

  const schedule = createSchedule<() => readonly Emission[]>();
  const lives = new Map<string, Life>();
  const counts = Object.fromEntries(BEHAVIOURS.map((behaviour) => [behaviour, 0])) as Record<Behaviour, number>;
  let now = startAt;
  let begun = 0;
  let backlog = 0;
  let events = 0;

  const world: World = {
    queueIds: roster.queueIds,
    agentIds: roster.agentIds,
    supervisorIds: roster.supervisorIds,
    skillIds: roster.skillIds,
    parkAtLeastMs: options.parkAtLeastMs ?? 12_000,
    now: () => now,
    note: (behaviour) => void (counts[behaviour] += 1),
    enterBacklog() {
      if (backlog >= LONGEST_BACKLOG) return false;
      backlog += 1;
      return true;
    },
    leaveBacklog: () => void (backlog -= 1),
  };

  function planArrival(): void {
    if (begun >= limit) return;
    begun += 1;
    // Each conversation has its own randomness: what one draws does not change another.
    const own = day === 0 ? createRandom(seed, begun) : createRandom(seed, day, begun);
    schedule.add(now + random.gap(1_000 / conversationsPerSecond), () => {
      planArrival();
      return advance(begin(own));
    });
  }

  function begin(own: Random): Life {
    const personal = createPersonalData(own, options);
    const conversation: Conversation = {
      id: own.uuid(),
      startedAt: now,
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
    const scene = createScene(world, conversation, {
      random: own,
      personal,
      later: (delayMs, action) => {
        life.pending += 1;
        schedule.add(now + delayMs, () => {
          action();
          return endPart(life, emit(life));
        });
      },
    });
    const life: Life = {
      conversation,
      scene,
      script: drawScenario(own)(scene),
      random: own,
      render: createNotificationRenderer(),
      pending: 1,
    };
    lives.set(conversation.id, life);
    return life;
  }

  /** Lets a conversation's script change something, sends it, and plans when it goes on. */
  function advance(life: Life): readonly Emission[] {
    const { done, value } = life.script.next();
    if (done === true) return endPart(life, []);
    schedule.add(now + value, () => advance(life));
    return emit(life);
  }

  /** The script or one of its later actions is through; after the last of them nothing changes any more. */
  function endPart(life: Life, emissions: readonly Emission[]): readonly Emission[] {
    life.pending -= 1;
    if (life.pending === 0) {
      schedule.add(now + forgetAfterMs, () => {
        lives.delete(life.conversation.id);
        return [];
      });
    }
    return emissions;
  }

  function emit(life: Life): readonly Emission[] {
    const { conversation } = life;
    // No queue, no topic that would carry it.
    if (conversation.queueIds.length === 0) return [];
    const eventBody = life.render(conversation);
    rememberEnd(conversation);
    if (conversation.queueIds.length > 1) world.note('two-queues');
    const CorrelationId = life.random.uuid();
    return conversation.queueIds.filter(roster.hasQueue).map((queueId) => ({
      at: now,
      sequence: (events += 1),
      conversationId: conversation.id,
      frame: {
        topicName: `v2.routing.queues.${queueId}.conversations`,
        version: '2',
        eventBody,
        metadata: { CorrelationId },
      },
    }));
  }

  /** The system hangs up: everybody's legs end, and the script goes no further. */
  function disconnect(life: Life): readonly Emission[] {
    life.script.return();
    for (const party of life.conversation.parties) life.scene.endParty(party, 'system');
    return emit(life);
  }

  function removeQueue(id: string, conversations: AfterRemoval): boolean {
    if (!roster.removeQueue(id)) return false;
    if (conversations === 'go-on') return true;
    for (const life of lives.values()) {
      const queue = life.conversation.parties.findLast(({ purpose }) => purpose === 'acd');
      if (queue?.queueId === id && isLive(life.conversation)) schedule.add(now, () => disconnect(life));
    }
    return true;
  }

  function forget(id: string): void {
    const life = lives.get(id);
    life?.script.return();
    life?.conversation.queueIds.splice(0);
    lives.delete(id);
  }

  planArrival();
  return {
    queues: roster.queues,
    users: roster.users,
    skills: roster.skills,
    hasQueue: roster.hasQueue,
    addQueue: roster.addQueue,
    renameQueue: roster.renameQueue,
    removeQueue,
    forget,
    nextAt: schedule.nextAt,
    step() {
      const due = schedule.take();
      if (!due) return [];
      now = due.at;
      return due.item();
    },
    truth: () => ({
      events,
      conversations: [...lives.values()]
        .flatMap(({ conversation }) => truthOf(conversation) ?? [])
        .toSorted((one, other) => (one.conversation_id < other.conversation_id ? -1 : 1)),
    }),
    truthOf(conversationId) {
      const life = lives.get(conversationId);
      return life ? truthOf(life.conversation) : null;
    },
    visitsOf(conversationId) {
      const life = lives.get(conversationId);
      return life ? visitsOf(life.conversation) : [];
    },
    activity: () => [...lives.values()].flatMap(({ conversation }) => activityOf(conversation)),
    conversations: () => [...lives.values()].map(({ conversation }) => conversation),
    conversation: (id) => lives.get(id)?.conversation ?? null,
    restConversation(conversationId) {
      const life = lives.get(conversationId);
      return life ? renderRestConversation(life.conversation, roster.queueName) : null;
    },
    behaviours: () => ({ ...counts }),
  };
}

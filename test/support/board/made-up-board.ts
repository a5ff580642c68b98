import { join } from 'node:path';
import { pino } from 'pino';
import { addDay, dayOf, NO_DAY } from '../../../src/board/counts';
import type { DayLine, History, Version } from '../../../src/board/history';
import { Picture } from '../../../src/board/picture';
import { createPresenter, type BoardNames } from '../../../src/board/present';
import { Refusal } from '../../../src/board/refusal';
import { startBoardServer } from '../../../src/board/server';
import { Viewers } from '../../../src/board/viewers';
import { packageRoot } from '../../../src/common';
import type { QueueConversation, QueueVisit } from '../../../src/conversation';
import { createRandom, type Random } from '../processes/random';

export interface MadeUpOptions {
  readonly queues: number;
  /** The number of live conversations at any time. */
  readonly conversations: number;
  /** Steps of conversations; each changes a row. */
  readonly changesPerSecond: number;
  readonly seed: number;
  /** Replaces the made-up names. */
  readonly names?: BoardNames;
  /** The oldest instant of the past, epoch ms. Default: nine days ago. */
  readonly oldest?: number;
  /** Answers questions about the past instead of the curves, where it has a method. */
  readonly history?: Partial<History>;
}

export interface MadeUpBoard {
  readonly url: string;
  /** The picture that viewers see; a test may change it. */
  readonly picture: Picture;
  /** A conversation that begins to wait now; it is not in the picture. */
  newRow(queueId: string): QueueConversation;
  stop(): Promise<void>;
}

const TOPICS = 'Sales,Support,Billing,Claims,Returns,Onboarding,Technical help,Orders,Retention,Accounts'.split(',');
const PLACES = 'Berlin,Lyon,Porto,Leeds,Turin,Gdańsk,Utrecht,Graz'.split(',');
const PEOPLE = 'Ada Brandt,Bela Costa,Chiara Duval,Dov Ek,Elif Frank,Finn Gold,Greta Holm,Hugo Ilg,Ines Jung'.split(
  ',',
);
const MEDIA = ['Voice', 'Voice', 'Voice', 'Message', 'Email', 'Callback'];
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * A board whose organization is made up: the real server and page, without Kafka and ClickHouse. It shows pictures of a
 * day, for which a simulated organization would need a day, and sizes that a simulated organization does not reach.
 */
export async function startMadeUpBoard(options: MadeUpOptions): Promise<MadeUpBoard> {
  const random = createRandom(options.seed);
  const began = Date.now();
  const rule = { targetMs: 20_000, shortAbandonMs: 5_000 };
  const dayStart = (now: number): number => now - (now % (24 * HOUR));
  const picture = new Picture({ rule, dayStart }, began);
  const organization = new Organization(options, random, picture);
  organization.begin();
  picture.turn(Date.now());
  const present = createPresenter({ show: undefined, names: options.names ?? { of: nameOf } });
  const viewers = new Viewers({
    ...{ picture, epoch: 'made-up', freshness: () => ({ ageMs: 80, problem: null }) },
    ...{ present: present.conversation, presentLine: present.line },
  });
  const history: History = { ...organization.history(), ...options.history, askedUntil: () => history };
  const server = await startBoardServer({
    ...{ host: '127.0.0.1', port: 0, access: { password: undefined, proxyHeader: undefined } },
    ...{ picture, viewers, present, rule, dayStart, timeZone: 'Europe/Berlin', version: '0.0.0' },
    history,
    page: join(packageRoot(), 'dist', 'board', 'page'),
    logger: pino({ level: 'silent' }),
  });
  const BATCH_MS = 100;
  let due = 0;
  const timer = setInterval(() => {
    for (due += (options.changesPerSecond * BATCH_MS) / 1_000; due >= 1; due -= 1) organization.step();
  }, BATCH_MS);
  return {
    ...{ url: server.url, picture, newRow: (queueId) => organization.newRow(queueId) },
    stop: async () => {
      clearInterval(timer);
      await server.stop();
    },
  };
}

/** The error of a history that is asked too much. */
export function tooBusy(message: string, retryAfterSeconds: number): Error {
  return new Refusal(429, message, { retryAfterSeconds });
}

function nameOf(kind: 'queue' | 'user' | 'skill', id: string): string | null {
  const number = Number(id.slice(1));
  const of = (list: readonly string[], index: number) => list[index % list.length] ?? '';
  if (kind === 'user') return of(PEOPLE, number);
  if (kind === 'skill') return ['French', 'Invoices', 'Contracts'][number % 3] ?? null;
  const round = Math.floor(number / (TOPICS.length * PLACES.length));
  return `${of(TOPICS, number)} ${of(PLACES, number + Math.floor(number / TOPICS.length))}${round === 0 ? '' : ` ${round}`}`;
}

interface Life {
  row: QueueConversation;
  visit: QueueVisit;
  readonly versions: Version[];
}

class Organization {
  readonly #lives = new Map<string, Life>();
  #count = 0;

  constructor(
    private readonly options: MadeUpOptions,
    private readonly random: Random,
    private readonly picture: Picture,
  ) {}

  /** Creates the live conversations and the visits of the day so far. */
  begin(): void {
    const { queues, conversations } = this.options;
    const now = Date.now();
    for (let index = 0; index < queues; index += 1) {
      const day = 20 + this.random.below(120);
      for (let each = 0; each < Math.min(day, Math.ceil(60_000 / queues)); each += 1) {
        const entered = Math.max(now - (now % (24 * HOUR)), now - this.random.below(8 * HOUR)) - 1;
        const answered = this.random.below(100) < 93;
        const wait = this.random.below(answered ? 24_000 : 90_000);
        const visit = { ...this.#visit(`q${index}`, 'Voice', entered + 1), left_time: entered + 1 + wait };
        const outcome = answered ? ('answered' as const) : ('abandoned' as const);
        this.picture.upsertVisit(visit.conversation_id, { ...visit, outcome });
      }
    }
    for (let index = 0; index < conversations; index += 1) {
      const life = this.#enter(now - this.random.below(9) ** 2 * 1_000);
      const phase = this.random.below(10);
      if (phase > 1) this.#alert(life, life.row.db_last_updated + 8_000);
      if (phase > 2) this.#answer(life, life.row.db_last_updated + 4_000);
      if (phase > 8) this.#work(life, life.row.db_last_updated + 60_000);
      if (phase > 2) this.#shift(life, this.random.below(400) * 1_000 + 90_000);
      this.#show(life);
    }
  }

  /** Moves one conversation one step forward. */
  step(): void {
    const ids = [...this.#lives.keys()];
    const life = this.#lives.get(ids[this.random.below(ids.length)] ?? '');
    const now = Date.now();
    if (life === undefined) return;
    const { row } = life;
    if (row.waiting && row.state === 'connected' && now - row.queue_connected_time < 4_000) return;
    if (row.waiting && row.state === 'connected') this.#alert(life, now);
    else if (row.waiting) this.#answer(life, now);
    else if (row.acw_state === null) this.#work(life, now);
    else {
      this.#lives.delete(row.conversation_id);
      this.picture.deleteRow(row.conversation_id);
      this.#show(this.#enter(now));
      return;
    }
    this.#show(life);
  }

  newRow(queueId: string): QueueConversation {
    return { ...this.#enter(Date.now()).row, queue_id: queueId };
  }

  #enter(at: number): Life {
    // A few queues have most of the work.
    const queues = this.options.queues;
    const queue = `q${Math.floor(this.random.below(queues) * (this.random.below(100) / 100))}`;
    const media = MEDIA[this.random.below(MEDIA.length)] ?? null;
    const visit = this.#visit(queue, media, at);
    const row: QueueConversation = {
      ...{ conversation_id: visit.conversation_id, db_last_updated: at, db_when_created: at, connected_time: at },
      ...{ queue_id: queue, session_id: null, media_type: media, purpose: 'acd', state: 'connected' },
      ...{ direction: 'inbound', participant_id: 'p', user_id: null, ani: 'tel:+1', dnis: null, provider: null },
      ...{ subject: null, message_type: null, message_status: null, disconnect_type: null, acw_state: null },
      routing_skill_id: this.random.below(3) === 0 ? `s${this.random.below(3)}` : null,
      ...{ communication_id: null, queue_connected_time: at, waiting: true },
    };
    const life: Life = { row, visit, versions: [] };
    this.#lives.set(row.conversation_id, life);
    this.#note(life);
    return life;
  }

  #visit(queue: string, media: string | null, at: number): QueueVisit {
    this.#count += 1;
    const id = `${this.#count.toString(16).padStart(8, '0')}-4adc-4b6b-8272-f653771a0f23`;
    return {
      ...{ conversation_id: id, participant_id: 'p', queue_id: queue, media_type: media, direction: 'inbound' },
      ...{ consult: false, entered_time: at, left_time: null, outcome: 'waiting', disconnect_type: null },
      ...{ routing_skill_id: null, offers: 1, offers_missed: 0, answered_time: null, user_id: null },
      ...{ agent_participant_id: null, agent_communication_id: null, agent_left_time: null, db_last_updated: at },
    };
  }

  #alert(life: Life, at: number): void {
    const user = `u${this.random.below(40)}`;
    this.#change(life, { purpose: 'agent', state: 'alerting', user_id: user, db_last_updated: at });
  }

  #answer(life: Life, at: number): void {
    this.#change(life, { state: 'connected', waiting: false, db_last_updated: at });
    life.visit = { ...life.visit, outcome: 'answered', left_time: at, answered_time: at, user_id: life.row.user_id };
  }

  #work(life: Life, at: number): void {
    this.#change(life, { state: 'disconnected', acw_state: 'pending', db_last_updated: at });
    life.visit = { ...life.visit, agent_left_time: at };
  }

  /** Moves its beginning to an earlier time. */
  #shift(life: Life, ms: number): void {
    const [row, visit] = [life.row, life.visit];
    const earlier = <T extends number | null>(at: T): T => (at === null ? at : at - ms) as T;
    life.row = {
      ...row,
      queue_connected_time: row.queue_connected_time - ms,
      db_last_updated: row.db_last_updated - ms,
    };
    life.visit = {
      ...{ ...visit, entered_time: visit.entered_time - ms, left_time: earlier(visit.left_time) },
      ...{ answered_time: earlier(visit.answered_time), agent_left_time: earlier(visit.agent_left_time) },
    };
    life.versions.forEach(({ from, until, ...version }, index) => {
      life.versions[index] = { ...version, from: from - ms, until: earlier(until) };
    });
  }

  #change(life: Life, change: Partial<QueueConversation>): void {
    life.row = { ...life.row, ...change };
    this.#note(life);
  }

  #note({ row, versions }: Life): void {
    const last = versions.pop();
    if (last !== undefined) versions.push({ ...last, until: row.db_last_updated });
    versions.push({
      ...{ change: last === undefined ? 'created' : 'changed', from: row.db_last_updated, until: null },
      ...{ queueId: row.queue_id, purpose: row.purpose, state: row.state, userId: row.user_id },
      ...{ participantId: row.participant_id, waiting: row.waiting, acw: row.acw_state },
    });
  }

  #show({ row, visit }: Life): void {
    this.picture.upsertRow(row);
    this.picture.upsertVisit(visit.conversation_id, visit);
  }

  /** The past consists of curves. */
  history(): Omit<History, 'askedUntil'> {
    const wave = (at: number, minutes: number): number => Math.sin(at / (minutes * MINUTE));
    const level = (at: number): number => Math.min(1, 0.86 + 0.1 * wave(at, 37) + 0.05 * wave(at, 11));
    const load = (at: number): number => 14 + 7 * wave(at, 70) + 3 * wave(at, 13);
    return {
      // Each minute has other conversations.
      rowsAt: (at, queueId) => {
        const rows = [...this.#lives.values()].map(({ row }) => row);
        const then = rows.filter((_row, index) => (index + Math.floor(at / MINUTE)) % 3 !== 0);
        return Promise.resolve(then.filter(({ queue_id }) => queueId === null || queue_id === queueId));
      },
      dayAt: (_from, _at, rule) => {
        const days = [...this.#lives.values()].map(({ visit }) => ({
          ...{ queueId: visit.queue_id, media: visit.media_type, day: dayOf(visit, rule) },
        }));
        const lines = new Map<string, DayLine>();
        for (const { queueId, media, day } of days) {
          const key = `${queueId} ${media ?? ''}`;
          lines.set(key, { queueId, media, day: addDay(lines.get(key)?.day ?? NO_DAY, day) });
        }
        return Promise.resolve([...lines.values()]);
      },
      answersAt: (queueId) => {
        const visits = [...this.#lives.values()]
          .map(({ visit }) => visit)
          .filter(({ queue_id }) => queue_id === queueId);
        return Promise.resolve(
          new Map(
            visits.flatMap(({ conversation_id: id, answered_time: at }) => (at === null ? [] : [[id, at] as const])),
          ),
        );
      },
      versions: (id) => Promise.resolve(this.#lives.get(id)?.versions ?? []),
      visitsOf: (id) => Promise.resolve([this.#lives.get(id)?.visit ?? []].flat()),
      intervals: ({ from, to, minutes }) => {
        const starts = Array.from({ length: Math.ceil((to - from) / (minutes * MINUTE)) }, (_, index) => index);
        const interval = (at: number) => {
          const offered = Math.round(2.2 * load(at));
          const abandoned = Math.round(offered * 0.06);
          return { at, offered, answered: offered - abandoned, abandoned, flowedOut: 0, serviceLevel: level(at) };
        };
        return Promise.resolve(starts.map((index) => interval(from + index * minutes * MINUTE)));
      },
      series: ({ from, to, stepMs }) => {
        const points = Array.from({ length: Math.ceil((to - from) / stepMs) }, (_, index) => from + index * stepMs);
        const shown = points.map((at) => {
          const waiting = Math.max(0, Math.round(3 + 3 * wave(at, 23) + 2 * wave(at, 3)));
          return { at, waiting, talking: Math.round(load(at)) };
        });
        return Promise.resolve(shown);
      },
      oldest: () => Promise.resolve(this.options.oldest ?? Date.now() - 9 * 24 * HOUR),
    };
  }
}

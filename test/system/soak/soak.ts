import { setTimeout as sleep } from 'node:timers/promises';
import { FAULT_KINDS, type FaultKind } from '../../../src/simulator';
import { createRandom, type Random } from '../../support/processes/random';
import { until } from '../../support/processes/until';
import { createDifferences, type Difference } from './differences';
import { setStage, type Stage } from './stage';

export interface SoakOptions {
  readonly seed: number;
  /** Rounds of faults begin until so much time has passed … */
  readonly minutes: number;
  /** … and there were so many: a slow machine has few in the same time. Default 1. */
  readonly leastRounds?: number;
  /** How many times as fast as the clock the organisation, its limits and the bridge's timings are. */
  readonly acceleration: number;
  /** How many times its limit a recovery may take. Default 1. */
  readonly patience?: number;
  /** Of the organisation's time. */
  readonly conversationsPerSecond: number;
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface SoakResult {
  readonly seed: number;
  readonly rounds: number;
  /** How often each kind was begun, and what it hit. */
  readonly faults: Readonly<Record<string, { readonly begun: number; readonly hits: number }>>;
  readonly restarts: number;
  readonly notifications: number;
  readonly gaps: number;
  readonly requests: number;
  readonly reconciled: Readonly<Record<string, number>>;
  /** From the end of a round's faults until nothing differed any more, ms of the organisation's time. */
  readonly recoveryMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Conversations whose notification was lost without a gap, seen at the end of a round. */
  readonly lostWithoutGap: number;
  readonly peakRssBytes: number;
  /** How often the organisation's limits were met. */
  readonly limits: Readonly<Record<string, number>>;
  /** Of these, those that a careful client never meets. */
  readonly breaches: readonly string[];
  /** What was wrong after its time; empty: all is well. */
  readonly differences: readonly Difference[];
}

const MINUTE_MS = 60_000;
/** Requests a minute that are left for reconciliation: 300 without the reserve. */
const BUDGET_PER_MINUTE = 250;
/** Faults of one round, and how long it lasts, ms of the organisation's time. */
const FAULTS_A_ROUND = 4;
const ROUND_MS = 60_000;
/** On a socket, in Kafka, folded, read back: ms of the clock. */
const ON_THE_WAY_MS = 2_000;
const START_LIMIT_MS = 180_000;
/** Tells nobody anything: looked for at the end, when the slow timer has had its time. */
const SLOW: readonly FaultKind[] = ['conversations-forgotten'];

/** Random faults, then quiet, and in its time the table is what the organisation says; again and again. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const stage = await setStage(options);
  try {
    return await play(options, stage);
  } catch (error) {
    options.say(`seed ${options.seed}\n--- bridge\n${stage.bridge.tail()}\n--- fold\n${stage.fold.tail()}`);
    throw error;
  } finally {
    await stage.dispose();
  }
}

async function play(options: SoakOptions, stage: Stage): Promise<SoakResult> {
  const { seed, minutes, leastRounds = 1, acceleration, patience = 1, say, signal } = options;
  const { simulator, bridge, fold } = stage;
  const random = createRandom(seed);
  const recoveries: number[] = [];
  const wrong: Difference[] = [];
  let lostWithoutGap = 0;
  let restarts = 0;
  let rounds = 0;

  await stage.start();
  simulator.resume();
  const started = Date.now();
  const kinds = endless(
    random,
    FAULT_KINDS.filter((kind) => !SLOW.includes(kind)),
  );
  do {
    signal?.throwIfAborted();
    rounds += 1;
    restarts += await round();
    await recover();
  } while ((Date.now() - started < minutes * MINUTE_MS || rounds < leastRounds) && wrong.length === 0);
  if (wrong.length === 0) await settle();
  simulator.pause();

  const { counts } = simulator.faults.status();
  const report = bridge.total();
  return {
    ...{ seed, rounds, restarts, lostWithoutGap },
    faults: Object.fromEntries(Object.entries(counts).filter(([, { begun }]) => begun > 0)),
    notifications: simulator.truth().events,
    gaps: report.gaps,
    requests: report.requests,
    reconciled: report.reconciled,
    recoveryMs: percentiles(recoveries),
    peakRssBytes: report.peakRssBytes,
    limits: { ...simulator.limits() },
    breaches: Object.entries(simulator.limits()).flatMap(([name, count]) =>
      NEVER.includes(name) && count > 0 ? [`${name}: ${count}`] : [],
    ),
    differences: wrong,
  };

  /** Faults one upon another, and perhaps a bridge that is killed or stopped. */
  async function round(): Promise<number> {
    const lengthMs = ROUND_MS / acceleration;
    let restarted = 0;
    for (let fault = 0; fault < FAULTS_A_ROUND; fault += 1) {
      const kind = kinds();
      const forMs = Math.round(lengthMs * (0.1 + random.below(30) / 100));
      say(`round ${rounds}: ${kind} for ${forMs} ms`);
      simulator.faults.begin({ kind, forMs, seed: random.below(2 ** 31) });
      if (random.below(8) === 0) {
        restarted += 1;
        say(`round ${rounds}: the bridge is ${random.below(2) === 0 ? 'killed' : 'killed, and stays away'}`);
        await bridge.kill();
        await sleep(random.below(Math.round(lengthMs / 4)));
        bridge.start();
      }
      await sleep(lengthMs / FAULTS_A_ROUND);
    }
    simulator.faults.endAll();
    return restarted;
  }

  /** After its time the table must be the truth; what was lost without a gap has more. */
  async function recover(): Promise<void> {
    // A process starts no faster when time does.
    await until('the bridge to be ready', START_LIMIT_MS, () => bridge.last().ready);
    const endedAt = Date.now();
    const stale = simulator.truth().conversations.length + bridge.last().pending;
    const limitMs = Math.max(MINUTE_MS, (stale / BUDGET_PER_MINUTE) * MINUTE_MS) / acceleration;
    const differences = createDifferences(stage);
    let lastDifferentAt = endedAt;
    while (Date.now() - endedAt < limitMs) {
      signal?.throwIfAborted();
      if (!differences.lasting().every(explanation())) lastDifferentAt = Date.now();
      await sleep(100);
    }
    const { unexplained, explained } = await exactlyInTheEnd(limitMs * (patience - 1));
    recoveries.push((lastDifferentAt - endedAt) * acceleration);
    lostWithoutGap += explained.length;
    wrong.push(...unexplained);
    say(
      `round ${rounds}: ${unexplained.length === 0 ? 'true' : 'NOT TRUE'} after ${lastDifferentAt - endedAt} of ${Math.round(limitMs)} ms, ` +
        `${stale} stale, ${explained.length} lost without a gap, ${bridge.last().pending} still to be confirmed`,
    );
  }

  /** What no client can notice at once: lost without a gap, or in a queue that nobody can listen to any more. */
  function explanation(): (difference: Difference) => boolean {
    const lost = new Set(simulator.faults.status().stale);
    const queues = new Set(simulator.queues.map(({ id }) => id));
    return ({ id, expected, found }) => lost.has(id) || !queues.has(String(expected?.queue_id ?? found?.['queue_id']));
  }

  /** A machine that is busy with other tests gets more time, where the run is not about time. */
  async function exactlyInTheEnd(moreMs: number): ReturnType<typeof exactly> {
    for (const end = Date.now() + moreMs; ;) {
      const found = await exactly();
      if (found.unexplained.length === 0 || Date.now() >= end) return found;
      await sleep(1_000);
    }
  }

  /** With the organisation's time stopped, so that nothing is on its way. */
  async function exactly(): Promise<{ unexplained: readonly Difference[]; explained: readonly Difference[] }> {
    simulator.pause();
    await sleep(ON_THE_WAY_MS);
    const differences = createDifferences(stage).now();
    const isExplained = explanation();
    simulator.resume();
    return {
      unexplained: differences.filter((one) => !isExplained(one)),
      explained: differences.filter(isExplained),
    };
  }

  /** Long enough for the slow timer and the silence limits: now nothing may differ, whatever was lost. */
  async function settle(): Promise<void> {
    simulator.faults.begin({ kind: 'conversations-forgotten', parameters: { count: 3 } });
    const limitMs = stage.slowestMs / acceleration;
    say(`what was lost without a gap has ${Math.round(limitMs / 1_000)} s`);
    await sleep(limitMs);
    simulator.pause();
    await until(
      'the table to be the truth',
      limitMs * patience,
      () => createDifferences(stage).now().length === 0,
    ).catch(() => {
      wrong.push(...createDifferences(stage).now());
    });
    await fold.ready();
  }
}

/** What a careful client never does, whatever happens to it. */
const NEVER = ['tooManyTopics', 'expiredTokens'];

/** Every kind once, in an order of the seed's, and again. */
function endless<T>(random: Random, items: readonly T[]): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = random.shuffled(items);
    const next = left.pop();
    if (next === undefined) throw new Error('nothing to choose from');
    return next;
  };
}

function percentiles(values: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

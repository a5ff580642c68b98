import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { storeOptions } from '../../../src/cli/role';
import { loadConfig } from '../../../src/config';
import { createMetrics } from '../../../src/ops';
import { claimEpoch, connectStore, createProgress, type Store, VISITS } from '../../../src/store';
import { type Connected, connectKafka } from '../../../src/wiring';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { createRandom } from '../../support/processes/random';
import type { Environment, Role } from '../../support/processes/role-process';
import { until } from '../../support/processes/until';
import { compare, type Comparison } from './check';
import { readPartitions } from './expected';
import { allReady, inflict, planRound, type Fault, type Sighting } from './faults';
import { setStage, type Stage, type StageOptions } from './stage';

export interface ChaosOptions extends StageOptions {
  /** SIGKILLs a round. */
  readonly kills: number;
  /** Rounds begin until so much time has passed; one at least. */
  readonly minutes: number;
  readonly say: (text: string) => void;
  /** Aborted: everything is ended and the run fails. */
  readonly signal?: AbortSignal;
}

export interface ChaosResult extends Comparison {
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly sightings: readonly Sighting[];
  /** While faults went on. */
  readonly eventsPerSecond: number;
}

const LIMIT_MS = 180_000;
const PAUSE_MS = { least: 500, spread: 1_500 };

/** Faults in the order of the seed while events flow; then quiet; then everything is compared. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, say, signal } = options;
  const stage = await setStage(options);
  const faults: Fault[] = [];
  try {
    const aborted = new Promise<never>((_resolve, reject) => {
      const onAbort = () => reject(new Error('interrupted'));
      if (signal?.aborted === true) onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
    });
    return await Promise.race([play(options, stage, faults), aborted]);
  } catch (error) {
    say(`seed ${seed}, after ${faults.join(', ')}`);
    for (const role of stage.roles) say(`--- ${role.name}\n${role.tail()}`);
    throw error;
  } finally {
    await stage.dispose();
  }
}

async function play(options: ChaosOptions, stage: Stage, faults: Fault[]): Promise<ChaosResult> {
  const { seed, kills, minutes, say, signal } = options;
  const random = createRandom(seed);
  const sightings: Sighting[] = [];
  for (const role of stage.roles) role.start();
  await allReady(stage);
  stage.simulator.resume();
  const started = Date.now();
  do {
    for (const fault of planRound(random, kills)) {
      signal?.throwIfAborted();
      say(fault);
      faults.push(fault);
      const sighting = await inflict(fault, stage, random);
      if (sighting !== null) {
        sightings.push(sighting);
        say(`${fault}: ${sighting.fenced} tasks fenced, ${sighting.rejoined} assignments`);
      }
      await sleep(PAUSE_MS.least + random.below(PAUSE_MS.spread));
    }
  } while (Date.now() - started < minutes * 60_000);
  const seconds = (Date.now() - started) / 1_000;
  await allReady(stage);
  stage.simulator.pause();
  const { bridge, sink } = stage;
  const comparison = await quietAndCompared({ ...stage, bridges: [bridge], sinks: [sink] }, say);
  return { ...comparison, seed, faults, sightings, eventsPerSecond: Math.round(comparison.events / seconds) };
}

/** A system that is to come to rest. */
export interface Restless {
  readonly env: Environment;
  readonly kafka: { readonly brokers: readonly string[] };
  readonly bridges: readonly Role[];
  readonly folds: readonly Role[];
  readonly sinks: readonly Role[];
}

/** One process after the other ends when it has done all there is, the bridges first: then no event can follow. */
export async function quietAndCompared(stage: Restless, say: (text: string) => void): Promise<Comparison> {
  const { env, bridges, folds, sinks } = stage;
  const config = loadConfig({ env });
  const connected = connectKafka(config, pino({ enabled: false }), createMetrics());
  const store = connectStore(storeOptions(config));
  try {
    say('quiet');
    for (const bridge of bridges) await bridge.stop();
    await folded(stage, connected);
    for (const fold of folds) await fold.stop();
    await stored(stage, connected, store);
    for (const sink of sinks) await sink.stop();
    say('comparing');
    return await compare(connected, store, env);
  } finally {
    await connected.log.close();
    await store.close();
  }
}

async function folded({ kafka, folds }: Restless, { log, topics }: Connected): Promise<void> {
  const ends = await log.endOffsets(topics.events);
  const { admin } = await createStockAdmin(kafka.brokers);
  try {
    await until(`${topics.foldGroup} to commit the ends ${offsetsText(ends)}`, LIMIT_MS, async () => {
      for (const fold of folds) await fold.ready();
      const [found] = await admin.fetchOffsets({ groupId: topics.foldGroup, topics: [topics.events] });
      const committed = new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      return [...ends].every(([partition, end]) => end === 0 || (committed.get(partition) ?? 0) >= end);
    });
  } finally {
    await admin.disconnect();
  }
}

async function stored({ sinks }: Restless, { log, topics }: Connected, store: Store): Promise<void> {
  const tables = [
    { topic: topics.state, storedIn: undefined },
    { topic: topics.visits, storedIn: VISITS },
  ];
  for (const { topic, storedIn } of tables) {
    const records = await readPartitions(log, topic);
    const epoch = await claimEpoch(store, { topic, id: await log.topicId(topic) });
    const progress = createProgress(store, topic, epoch, storedIn);
    const ends = new Map([...records].map(([partition, all]) => [partition, (all.at(-1)?.offset ?? -1) + 1]));
    await until(`the sink to store ${topic} up to ${offsetsText(ends)}`, LIMIT_MS, async () => {
      for (const sink of sinks) await sink.ready();
      const reached = await progress.read();
      return [...ends].every(([partition, end]) => (reached.get(partition)?.offset ?? 0) >= end);
    });
  }
}

function offsetsText(offsets: ReadonlyMap<number, number>): string {
  return [...offsets].map(([partition, offset]) => `${partition}:${offset}`).join(' ');
}

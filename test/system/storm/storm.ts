import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { loadConfig } from '../../../src/config';
import { CHECKPOINT_KEY, createChangelogCodec } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { connectKafka } from '../../../src/wiring';
import { createRandom, type Random } from '../../support/processes/random';
import { type Environment, isSharedOut } from '../../support/processes/role-process';
import { until } from '../../support/processes/until';
import { quietAndCompared } from '../chaos/chaos';
import type { Comparison } from '../chaos/check';
import { readPartitions } from '../chaos/expected';
import { PARTITIONS } from '../chaos/stage';
import { drawSvg, drawText } from './drawing';
import { Faults, FAULTS, type StormFault } from './faults';
import { fewestMoving, longestWait, type PartitionHistory, type Wait, waitsOf } from './progress';
import { setStormStage, type StormStage, type StormStageOptions } from './stage';
import { firstCommits, needlessFences, type TraceEvent } from './trace';

export interface StormOptions extends StormStageOptions {
  /** Of the storm itself, after the single faults. */
  readonly seconds: number;
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** What a lone fault cost, ms. */
export interface SingleFault {
  readonly fault: StormFault;
  /** The longest wait of a partition of the member that was hit. */
  readonly hitMs: number;
  /** The longest wait of any other partition. */
  readonly othersMs: number;
}

export interface StormResult extends Comparison {
  readonly seed: number;
  readonly singles: readonly SingleFault[];
  readonly faults: number;
  /** While the storm went on: no partition waited longer, ms. */
  readonly longestMs: number;
  /** Of all partitions so many moved at least in every window of five seconds. */
  readonly fewestMoving: number;
  readonly partitions: number;
  /** How often a task began with a standby copy. */
  readonly warm: number;
  /** Empty: no task was restored that had its partition before and after a rebalance. */
  readonly needless: readonly TraceEvent[];
  /** The time line. */
  readonly text: string;
  readonly svg: string;
}

const LIMIT_MS = 120_000;
const FAULT_EVERY_MS = 4_000;
/** However long each of them takes on a slow machine. */
const LEAST_FAULTS = 3;
const CALM_MS = 3_000;
const SETTLE_MS = 4_000;
/** A lone fault is looked at for so long at least: a frozen member comes back after nine seconds. */
const LOOK_MS = 12_000;
const WINDOW_MS = 5_000;
/** What a task logs that takes over with its copy. */
const WARM = 'a standby copy takes over: it has read the rest of the changelog';

/** Lone faults first, then one every four seconds, whatever is still under way; then quiet; then everything is compared. */
export async function runStorm(options: StormOptions): Promise<StormResult> {
  const { seed, say, signal } = options;
  const stage = await setStormStage(options);
  try {
    const aborted = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('interrupted')), { once: true });
    });
    return await Promise.race([play(options, stage), aborted]);
  } catch (error) {
    say(`seed ${seed}`);
    for (const role of [stage.bridge, ...stage.folds, stage.sink]) say(`--- ${role.name}\n${role.tail()}`);
    throw error;
  } finally {
    await stage.dispose();
  }
}

interface Lone {
  readonly fault: StormFault;
  readonly partitions: readonly number[];
  readonly from: number;
  readonly to: number;
}

async function play(options: StormOptions, stage: StormStage): Promise<StormResult> {
  const { seed, seconds, say } = options;
  const { bridge, folds, sink, simulator, events } = stage;
  const random = createRandom(seed);
  const roles = [bridge, ...folds, sink];
  for (const role of roles) role.start();
  for (const role of roles) await until(`${role.name} to be ready`, LIMIT_MS, () => role.ready());
  await settled(stage);
  simulator.resume();
  await sleep(SETTLE_MS);
  const from = Date.now();
  const lone: Lone[] = [];
  for (const fault of FAULTS) lone.push(await alone(fault, stage, random, say));
  const storm = { from: Date.now(), to: 0, faults: 0 };
  const faults = new Faults(events);
  while (Date.now() - storm.from < seconds * 1_000 || storm.faults < LEAST_FAULTS) {
    const member = faults.idle(folds, random);
    const fault = FAULTS[random.below(FAULTS.length)] ?? 'kill';
    if (member !== undefined) {
      say(`${fault} ${member.name}`);
      faults.hit(member, fault);
      storm.faults += 1;
    }
    await sleep(FAULT_EVERY_MS);
  }
  await faults.over();
  storm.to = Date.now();
  await settled(stage);
  await sleep(SETTLE_MS);
  const to = Date.now();
  simulator.pause();
  const compared = await quietAndCompared({ ...stage, bridges: [bridge], sinks: [sink] }, say);
  const histories = await historiesOf(stage.env);
  const waits = new Map(histories.map((history) => [history.partition, waitsOf(history)]));
  const all = [...waits.values()].flat();
  const members = folds.map(({ name }) => name);
  // The sink has the same partitions of another topic.
  const ofFolds = events.filter(({ member }) => members.includes(member));
  const traced = [...events, ...firstCommits(ofFolds, new Map(histories.map((one) => [one.partition, one.commits])))];
  const drawing = { from, to, members, events: traced, waits };
  const longest = longestWait(all, storm.from, storm.to);
  return {
    ...compared,
    seed,
    singles: lone.map((one) => costOf(one, waits)),
    faults: storm.faults,
    longestMs: Math.round(longest.to - longest.from),
    fewestMoving: fewestMoving(waits, storm.from, storm.to, WINDOW_MS).moving,
    partitions: waits.size,
    warm: folds.reduce((sum, fold) => sum + fold.said(WARM), 0),
    needless: needlessFences(ofFolds),
    text: drawText(drawing),
    svg: drawSvg(drawing),
  };
}

async function alone(fault: StormFault, stage: StormStage, random: Random, say: (text: string) => void): Promise<Lone> {
  await settled(stage);
  await sleep(CALM_MS);
  const faults = new Faults(stage.events);
  const member = faults.idle(stage.folds, random);
  if (member === undefined) throw new Error('no member to hit');
  const partitions = member.partitions();
  say(`${fault} ${member.name} alone`);
  const from = Date.now();
  faults.hit(member, fault);
  await Promise.all([faults.over(), sleep(LOOK_MS)]);
  await settled(stage);
  await sleep(CALM_MS);
  return { fault, partitions, from, to: Date.now() };
}

function costOf({ fault, partitions, from, to }: Lone, waits: ReadonlyMap<number, readonly Wait[]>): SingleFault {
  const longest = (isHit: (partition: number) => boolean): number => {
    const chosen = [...waits].filter(([partition]) => isHit(partition)).flatMap(([, each]) => each);
    const until = chosen.map((wait) => ({ ...wait, to: Math.min(wait.to, to) }));
    const wait = longestWait(until, from, to);
    return Math.round(wait.to - wait.from);
  };
  const isHit = (partition: number): boolean => partitions.includes(partition);
  return { fault, hitMs: longest(isHit), othersMs: longest((partition) => !isHit(partition)) };
}

/** The other roles are not hit; whether they are quick is not looked at. */
async function settled({ folds }: StormStage): Promise<void> {
  for (const fold of folds) await until(`${fold.name} to be ready`, LIMIT_MS, () => fold.ready());
  await until('the folds to share out the partitions', LIMIT_MS, () => isSharedOut(folds, PARTITIONS));
}

async function historiesOf(env: Environment): Promise<readonly PartitionHistory[]> {
  const { log, schemas, topics } = connectKafka(loadConfig({ env }), pino({ enabled: false }), createMetrics());
  try {
    const [events, changelog] = [await readPartitions(log, topics.events), await readPartitions(log, topics.changelog)];
    const codec = await createChangelogCodec(schemas, topics);
    const histories: PartitionHistory[] = [];
    for (const [partition, records] of events) {
      const written = (changelog.get(partition) ?? []).filter(({ key }) => key?.toString() === CHECKPOINT_KEY);
      await codec.prepare(written.map(({ value }) => value));
      const commits = written.flatMap(({ value, timestamp }) => {
        const decoded = value === null ? null : codec.decode(value);
        const checkpoint = decoded?.ok === true ? decoded.value.checkpoint : null;
        return checkpoint === null ? [] : [{ at: timestamp, nextOffset: checkpoint.nextOffset }];
      });
      const appended = new Map(records.map(({ offset, timestamp }) => [offset, timestamp]));
      histories.push({ partition, appended, commits });
    }
    return histories;
  } finally {
    await log.close();
  }
}

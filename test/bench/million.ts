import { loadavg } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_FOLD_SETTINGS } from '../../src/conversation';
import type { TopicNames } from '../../src/log';
import { type Child, startChild } from './child';
import type { BenchCluster } from './cluster';
import type { MillionProcessArgs, MillionReports, Restored } from './million-process';
import { templatesOf } from './million-states';
import { measureRestore, type RestoreResult } from './restore';
import { medianOf } from './throughput';

/** One fold task in memory at each size, and the restore of the greatest size from Kafka. */
export interface MillionFigures {
  readonly sizes: readonly (Restored & EventCost)[];
  readonly fromKafka: RestoreResult;
  readonly load: { readonly before: number; readonly after: number };
}

interface EventCost {
  /** CPU of an event: the median and the mean of batches of 500. */
  readonly medianMicroseconds: number;
  readonly meanMicroseconds: number;
  /** The median of the rounds' ratios to the smallest size, for the same events in the same round. */
  readonly ratio: number;
}

const SIZES = [1_000, 100_000, 1_000_000];
const ROUNDS = 41;
/** Before the measurement, while V8 compiles. */
const WARM_UP = 10;

type MillionChild = Child<MillionReports>;

export async function measureMillion(
  cluster: BenchCluster,
  topics: TopicNames,
  say: (text: string) => void,
): Promise<MillionFigures> {
  const before = loadavg()[0] ?? 0;
  const children = SIZES.map((live): MillionChild => {
    const args: MillionProcessArgs = { live };
    return startChild(join(__dirname, 'million-process.js'), args, null);
  });
  try {
    const restored: Restored[] = [];
    for (const each of await Promise.all(children.map((child) => child.next('restored')))) {
      say(JSON.stringify(each));
      restored.push(each);
    }
    const costs = await inTurns(children);
    const sizes = restored.map((each, index) => ({ ...each, ...costOf(costs, index) }));
    for (const child of children) await child.end();
    say(JSON.stringify(sizes));
    const states = templatesOf(DEFAULT_FOLD_SETTINGS).map(({ later }) => later);
    const fromKafka = await measureRestore(cluster, topics, states, Math.max(...SIZES));
    return { sizes, fromKafka, load: { before, after: loadavg()[0] ?? 0 } };
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}

/** The costs of the batches, for each round and each child. */
async function inTurns(children: readonly MillionChild[]): Promise<readonly (readonly (readonly number[])[])[]> {
  const rounds: (readonly number[])[][] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const costs: (readonly number[])[] = [];
    for (const child of children) {
      const answer = child.next('round');
      child.tell('round');
      costs.push((await answer).microseconds);
    }
    if (round >= WARM_UP) rounds.push(costs);
  }
  return rounds;
}

function costOf(rounds: readonly (readonly (readonly number[])[])[], index: number): EventCost {
  const all = rounds.flatMap((costs) => costs[index] ?? []);
  return {
    medianMicroseconds: medianOf(all),
    meanMicroseconds: meanOf(all),
    ratio: medianOf(rounds.map((costs) => meanOf(costs[index] ?? []) / meanOf(costs[0] ?? []))),
  };
}

function meanOf(all: readonly number[]): number {
  return all.reduce((sum, each) => sum + each, 0) / all.length;
}

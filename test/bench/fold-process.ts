import { DEFAULT_FOLD_SETTINGS } from '../../src/conversation';
import { startFold } from '../../src/fold';
import { createKafkaLog, createLocalSchemas, type TopicNames } from '../../src/log';
import { createMetrics } from '../../src/ops';
import { heard, peakMemory, report } from './child';
import { connectionTo } from './cluster';

export interface FoldProcessArgs {
  readonly brokers: readonly string[];
  readonly topics: TopicNames;
  /** The number of partitions in this process's share: it is ready when it has them. */
  readonly partitions: number;
}

export interface FoldReports {
  /** Every partition of the share is restored and paused. */
  readonly ready: { readonly seconds: number; readonly peakBytes: number };
  readonly done: FoldFigures;
}

export interface FoldFigures {
  /** Epoch ms. */
  readonly firstCommitAt: number;
  readonly lastCommitAt: number;
  /** Events committed by the first commit, and in all. */
  readonly firstEvents: number;
  readonly events: number;
  readonly transactions: number;
  readonly peakBytes: number;
  readonly cpuSeconds: number;
}

const POLL_MS = 5;

async function main({ brokers, topics, partitions }: FoldProcessArgs): Promise<void> {
  const going = heard('go');
  const ending = heard('end');
  let transactions = 0;
  let firstCommitAt = 0;
  let firstEvents = 0;
  let lastCommitAt = 0;
  const committed = (): number => tasks.status().reduce((sum, { nextOffset }) => sum + (nextOffset ?? 0), 0);
  const afterCommit = (): void => {
    transactions += 1;
    lastCommitAt = Date.now();
    if (transactions > 1) return;
    firstCommitAt = lastCommitAt;
    setImmediate(() => (firstEvents = committed()));
  };
  const log = createKafkaLog({ ...connectionTo(brokers), hooks: { afterCommit } });
  const started = performance.now();
  const tasks = await startFold({
    log,
    schemas: createLocalSchemas(),
    topics,
    settings: DEFAULT_FOLD_SETTINGS,
    deadLetterLimits: { maxConsecutive: 100, maxRatio: 0.5 },
    metrics: createMetrics(),
    timers: true,
  });
  tasks.done.catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
  tasks.pause();
  await until(() => tasks.ready() && tasks.status().length === partitions);
  report('ready', { seconds: (performance.now() - started) / 1000, peakBytes: peakMemory() });

  await going;
  const before = process.cpuUsage();
  const ends = await log.endOffsets(topics.events);
  tasks.resume();
  await until(() =>
    tasks.status().every(({ partition, nextOffset }) => (nextOffset ?? 0) >= (ends.get(partition) ?? 0)),
  );
  const { user, system } = process.cpuUsage(before);
  const figures: FoldFigures = {
    firstCommitAt,
    lastCommitAt,
    firstEvents,
    events: committed(),
    transactions,
    peakBytes: peakMemory(),
    cpuSeconds: (user + system) / 1e6,
  };
  report('done', figures);
  await ending;
  await log.close();
  process.disconnect();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

void main(JSON.parse(process.argv[2] ?? '{}') as FoldProcessArgs);

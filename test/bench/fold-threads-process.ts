import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { DEFAULT_FOLD_SETTINGS } from '../../src/conversation';
import { startFold } from '../../src/fold';
import { createKafkaLog, createLocalSchemas, type TopicNames } from '../../src/log';
import { createMetrics } from '../../src/ops';
import { heard, report } from './child';
import { connectionTo } from './cluster';
import { recordTransactions, type ThreadTrace } from './latency-trace';

export interface FoldThreadsArgs {
  readonly brokers: readonly string[];
  readonly topics: TopicNames;
  readonly partitions: number;
  readonly threads: number;
  /** Records transactions and requests, which costs time. Default: no. */
  readonly trace?: boolean;
}

export interface FoldThreadsReports {
  /** Every partition is restored and being read. */
  readonly ready: Record<string, never>;
  /** The answer to the word `result`: what was recorded since the word `begin`. */
  readonly trace: readonly ThreadTrace[];
}

const POLL_MS = 5;

/**
 * Like `queuefold fold` with FOLD_THREADS and VISITS=off: threads that are members of one group, here without a
 * registry.
 */
async function main(args: FoldThreadsArgs): Promise<void> {
  const ending = heard('end');
  const workers = Array.from({ length: args.threads }, () => new Worker(__filename, { workerData: args }));
  for (const worker of workers) worker.once('error', fail);
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  report('ready', {});
  if (args.trace === true) void answerTrace(workers);
  await ending;
  await Promise.all(workers.map((worker) => worker.terminate()));
  process.disconnect();
}

async function answerTrace(workers: readonly Worker[]): Promise<void> {
  const result = heard('result');
  await heard('begin');
  for (const worker of workers) worker.postMessage('begin');
  await result;
  const answers = workers.map(async (worker) => {
    const [trace] = (await once(worker, 'message')) as [ThreadTrace];
    return trace;
  });
  for (const worker of workers) worker.postMessage('result');
  report('trace', await Promise.all(answers));
}

async function member({ brokers, topics, partitions, threads, trace }: FoldThreadsArgs): Promise<void> {
  const recorder = trace === true ? recordTransactions() : null;
  parentPort?.on('message', (word) => {
    if (word === 'begin') recorder?.begin();
    else parentPort?.postMessage(recorder?.result());
  });
  const tasks = await startFold({
    log: createKafkaLog({ ...connectionTo(brokers), hooks: recorder?.hooks ?? {} }),
    schemas: createLocalSchemas(),
    topics,
    settings: { ...DEFAULT_FOLD_SETTINGS, visits: 'off' },
    deadLetterLimits: { maxConsecutive: 100, maxRatio: 0.5 },
    metrics: createMetrics(),
    timers: true,
  });
  tasks.done.catch(fail);
  const share = partitions / threads;
  while (!tasks.ready() || tasks.status().length !== share) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  parentPort?.postMessage('ready');
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

if (isMainThread) void main(JSON.parse(process.argv[2] ?? '{}') as FoldThreadsArgs);
else void member(workerData as FoldThreadsArgs).catch(fail);

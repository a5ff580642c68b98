import { DEFAULT_FOLD_SETTINGS } from '../../src/conversation';
import { startFold } from '../../src/fold';
import { createKafkaLog, createLocalSchemas, type TopicNames } from '../../src/log';
import { createMetrics } from '../../src/ops';
import { heard, peakMemory, report } from './child';
import { connectionTo, PARTITIONS } from './cluster';

export interface TakeoverProcessArgs {
  readonly brokers: readonly string[];
  readonly topics: TopicNames;
  readonly standby: 'on' | 'off';
}

export interface TakeoverReports {
  /** It has its share, half of the partitions. */
  readonly shared: object;
  /** It has warm copies of the other half. */
  readonly warm: object;
  /** It has all partitions. */
  readonly whole: { readonly peakBytes: number; readonly recordsRead: number };
}

const POLL_MS = 20;

async function main({ brokers, topics, standby }: TakeoverProcessArgs): Promise<void> {
  const ending = heard('end');
  const metrics = createMetrics();
  const log = createKafkaLog({ ...connectionTo(brokers), metrics });
  const tasks = await startFold({
    ...{ log, topics, metrics, standby, schemas: createLocalSchemas(), settings: DEFAULT_FOLD_SETTINGS },
    ...{ deadLetterLimits: { maxConsecutive: 100, maxRatio: 0.5 }, timers: true },
  });
  const sample = async (name: string): Promise<number> => {
    const line = (await metrics.registry.metrics()).split('\n').find((each) => each.startsWith(`queuefold_${name} `));
    return Number(line?.split(' ')[1] ?? 0);
  };
  const has = (partitions: number): boolean => tasks.ready() && tasks.status().length === partitions;
  await until(() => has(PARTITIONS / 2));
  report('shared', {});
  if (standby === 'on') {
    await until(async () => (await sample('fold_standby_partitions{state="warm"}')) === PARTITIONS / 2);
    report('warm', {});
  }
  const read = async (): Promise<number> =>
    (await sample('fold_restored_records_total{copy="none"}')) +
    (await sample('fold_restored_records_total{copy="warm"}'));
  const before = await read();
  await until(() => has(PARTITIONS));
  report('whole', { peakBytes: peakMemory(), recordsRead: (await read()) - before });
  await ending;
  await log.close();
  process.disconnect();
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

void main(JSON.parse(process.argv[2] ?? '{}') as TakeoverProcessArgs);

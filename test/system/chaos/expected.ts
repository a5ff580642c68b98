import { loadConfig } from '../../../src/config';
import { DEFAULT_FOLD_SETTINGS } from '../../../src/conversation';
import { createFoldTask } from '../../../src/fold/task';
import {
  createChangelogCodec,
  createEventReader,
  createRowCodec,
  createVisitCodec,
  type Headers,
  type Log,
  type LogRecord,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { type Connected, foldSettingsOf } from '../../../src/wiring';
import { readAll } from '../../support/log/read-all';
import type { Environment } from '../../support/processes/role-process';

/** A record of the topics of rows and of visits, without its offset. */
export interface Written {
  readonly topic: string;
  readonly key: string;
  readonly value: Buffer | null;
  readonly timestamp: number | undefined;
  readonly headers: Headers;
}

const BATCH_RECORDS = 500;

/** All records of a topic that are committed now, by partition. */
export async function readPartitions(log: Log, topic: string): Promise<ReadonlyMap<number, readonly LogRecord[]>> {
  const partitions = new Map<number, LogRecord[]>();
  for (const record of await readAll(log, topic)) {
    const known = partitions.get(record.partition);
    if (known === undefined) partitions.set(record.partition, [record]);
    else known.push(record);
  }
  return partitions;
}

/** What one undisturbed task, in memory, makes of one partition's events. */
export async function foldedInMemory(
  { schemas, topics }: Connected,
  env: Environment,
  partition: number,
  records: readonly LogRecord[],
): Promise<readonly Written[]> {
  const config = loadConfig({ env });
  const changelog = await createChangelogCodec(schemas, topics);
  const task = createFoldTask(partition, {
    topics,
    events: await createEventReader(schemas, topics),
    schemas,
    rows: await createRowCodec(schemas, topics),
    visits: await createVisitCodec(schemas, topics),
    changelog,
    settings: {
      ...DEFAULT_FOLD_SETTINGS,
      ...foldSettingsOf(config),
      sizeOf: (state) => changelog.sizeOf({ state, checkpoint: null }),
    },
    deadLetterLimits: config.deadLetters,
    metrics: createMetrics(),
  });
  await task.restored();
  const written: Written[] = [];
  for (let at = 0; at < records.length; at += BATCH_RECORDS) {
    const batch = records.slice(at, at + BATCH_RECORDS);
    await task.prepare?.(batch);
    const { outputs } = task.process(batch, (batch.at(-1)?.offset ?? 0) + 1);
    for (const { topic, key, value, timestamp, headers = {} } of outputs) {
      if (topic === topics.state || topic === topics.visits) {
        written.push({ topic, key: String(key), value, timestamp, headers });
      }
    }
    task.committed();
  }
  task.close();
  return written;
}

import { randomUUID } from 'node:crypto';
import type { ConversationState } from '../../src/conversation';
import {
  CHECKPOINT_KEY,
  createChangelogCodec,
  createKafkaLog,
  createLocalSchemas,
  type TopicNames,
} from '../../src/log';
import type { BenchCluster } from './cluster';
import { startFoldProcess } from './fold';

export interface RestoreResult {
  /** From the start of the fold until all partitions run, with the time to join the group. */
  readonly seconds: number;
  readonly conversations: number;
  readonly meanStateBytes: number;
  readonly peakBytes: number;
}

const CHUNK = 1_000;

/** A changelog of live conversations, each of which has one of these states. Answers the bytes of a state. */
export async function writeChangelog(
  cluster: BenchCluster,
  topics: TopicNames,
  states: readonly ConversationState[],
  conversations: number,
): Promise<number> {
  const log = createKafkaLog(cluster.connection);
  const codec = await createChangelogCodec(createLocalSchemas(), topics);
  const values = states.map((state) => codec.encode({ state, checkpoint: null }));
  const producer = await log.createProducer();
  for (let done = 0; done < conversations; done += CHUNK) {
    const records = Array.from({ length: Math.min(CHUNK, conversations - done) }, (_, index) => ({
      topic: topics.changelog,
      key: randomUUID(),
      value: values[(done + index) % values.length] ?? null,
    }));
    await producer.send(records);
  }
  // Without a checkpoint the fold would assume that the changelog has lost records.
  const checkpoint = { nextOffset: 0, receivedAt: null, topics: [], last: null };
  for (const partition of (await log.endOffsets(topics.changelog)).keys()) {
    const value = codec.encode({ state: null, checkpoint });
    await producer.send([{ topic: topics.changelog, key: CHECKPOINT_KEY, value, partition }]);
  }
  await log.close();
  return Math.round(values.reduce((sum, { length }) => sum + length, 0) / values.length);
}

/** The time until one process has restored a changelog of live conversations. */
export async function measureRestore(
  cluster: BenchCluster,
  topics: TopicNames,
  states: readonly ConversationState[],
  conversations: number,
): Promise<RestoreResult> {
  const meanStateBytes = await writeChangelog(cluster, topics, states, conversations);
  const fold = startFoldProcess(cluster, topics);
  try {
    const { seconds, peakBytes } = await fold.next('ready');
    return { seconds, conversations, meanStateBytes, peakBytes };
  } finally {
    await fold.end();
  }
}

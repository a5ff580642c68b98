import type { ProducerBatch, Transaction } from 'kafkajs';
import type { LogRecord, TaskOutput, Topology } from '../port';
import { FencedError, type Session, type TaskHooks } from '../runtime/backend';
import { transactionalIdOf } from '../runtime/transactional-id';
import { compressionOf, createClient, PATIENT, type KafkaConnection } from './client';
import type { Service } from './cluster';
import { protocolTypes } from './internals';
import { boundsOf, readPositions, type ReadPosition } from './reader';
import { createRounds, toMessage } from './records';

/** How long the coordinator lets a transaction stay open when nobody fences its owner (readers wait as long). */
const TRANSACTION_TIMEOUT_MS = 15_000;
const RESTORE_ATTEMPTS = 8;

/** Opens a producer under the partition's transactional id, and by that ends whatever an older owner had under way. */
export async function openSession(
  connection: KafkaConnection,
  service: Service,
  topology: Topology,
  partition: number,
  hooks: TaskHooks,
): Promise<Session> {
  const { group, input, changelog } = topology;
  const compression = compressionOf(connection);
  const transactionalId = transactionalIdOf(topology, partition);
  const producer = createClient(connection, PATIENT).producer({
    transactionalId,
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
    maxInFlightRequests: 5,
    allowAutoTopicCreation: false,
    createPartitioner: () => () => partition,
  });
  try {
    await producer.connect();
    // InitProducerId: the coordinator raises the epoch, and completes the older owner's transaction before it answers.
    await (await producer.transaction()).abort();
  } catch (error) {
    await producer.disconnect().catch(() => undefined);
    throw error;
  }

  const write = async (transaction: Transaction, output: TaskOutput, nextOffset: number): Promise<void> => {
    const { rounds, add } = createRounds();
    for (const record of output.changelog) add(changelog, toMessage(record, undefined));
    for (const record of output.outputs) add(record.topic, toMessage(record, undefined));
    const topics = [{ topic: input, partitions: [{ partition, offset: String(nextOffset) }] }];
    const sends = async (): Promise<void> => {
      for (const topicMessages of rounds)
        await transaction.sendBatch({ topicMessages, acks: -1, compression } satisfies ProducerBatch);
    };
    // Both reach their brokers side by side. allSettled: nothing of a failed transaction may still run when it is left.
    const results = await Promise.allSettled([transaction.sendOffsets({ consumerGroupId: group, topics }), sends()]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    await hooks.beforeCommit?.(partition);
    await transaction.commit();
  };

  return {
    restore: (onRecord, until) => restore(service, changelog, partition, onRecord, until),
    async commit(output, nextOffset) {
      try {
        await write(await producer.transaction(), output, nextOffset);
      } catch (error) {
        if (isFenced(error)) throw new FencedError(`${transactionalId}: fenced`, { cause: error });
        throw error;
      }
    },
    close: () => producer.disconnect(),
  };
}

/** INVALID_PRODUCER_EPOCH (47) is what brokers answer to the versions that kafkajs sends; PRODUCER_FENCED (90) to newer. */
function isFenced(error: unknown): boolean {
  if (protocolTypes(error).includes('INVALID_PRODUCER_EPOCH')) return true;
  for (let current = error; current instanceof Error; current = current.cause) {
    if ((current as { code?: unknown }).code === 90) return true;
  }
  return false;
}

async function restore(
  service: Service,
  topic: string,
  partition: number,
  onRecord: (record: LogRecord) => void,
  isStopped: () => boolean,
): Promise<void> {
  const [bounds, cluster] = await service.ask([topic], async (asked) => {
    const [first, end] = await Promise.all([
      boundsOf(asked, topic, [partition], 'beginning'),
      boundsOf(asked, topic, [partition], 'end'),
    ]);
    return [{ first: first.get(partition) ?? 0, end: end.get(partition) ?? 0 }, asked] as const;
  });
  const position: ReadPosition = { topic, partition, position: bounds.first, until: bounds.end };
  const onBatch = (_: ReadPosition, records: readonly LogRecord[]): void => records.forEach(onRecord);
  await readPositions({ cluster, positions: [position], onBatch, isStopped, attempts: RESTORE_ATTEMPTS });
}

import type { Producer, ProducerBatch, Transaction } from 'kafkajs';
import { createAge, OperatorError } from '../../common';
import type { LogRecord, TaskOutput, Topology } from '../port';
import { RefusedError } from '../refused';
import { FencedError, type Range, type FencedProducer, type TaskHooks } from '../runtime/backend';
import { transactionalIdOf } from '../runtime/transactional-id';
import { answerOf, gravest } from './answers';
import { compressionOf, createClient, PATIENT, type KafkaConnection } from './client';
import { createOffsetPace } from './offset-pace';
import { boundsOf, readPositions, type ReadPosition } from './reader';
import { createRounds, toMessage } from './records';
import type { Service } from './service';

/** How long the coordinator lets a transaction stay open if nobody fences its owner (readers wait as long). */
const TRANSACTION_TIMEOUT_MS = 15_000;
/** A transaction that is not sent by then is given up, while it can still be told from a fenced one. */
const SEND_WITHIN_MS = TRANSACTION_TIMEOUT_MS / 2;
const RESTORE_ATTEMPTS = 8;
/** A restore that reads nothing for this long begins again. */
const RESTORE_STANDS_MS = 30_000;
/** The key of a record that nobody ever reads. */
const BARRIER_KEY = '\0barrier';

/** Opens a producer under the partition's transactional id. This ends every transaction of an older owner. */
export async function openFencedProducer(
  connection: KafkaConnection,
  service: Service,
  topology: Topology,
  partition: number,
  hooks: TaskHooks,
): Promise<FencedProducer> {
  const { group, input, changelog } = topology;
  const transactionalId = transactionalIdOf(topology, partition);
  const { producer, barrier } = await fence(connection, transactionalId, { changelog, partition });

  const sending = { transactionalId, changelog, compression: compressionOf(connection) };
  const pace = createOffsetPace();
  const sendOffset = (transaction: Transaction, nextOffset: number): Promise<void> => {
    const topics = [{ topic: input, partitions: [{ partition, offset: String(nextOffset) }] }];
    return transaction.sendOffsets({ consumerGroupId: group, topics });
  };
  const write = async (transaction: Transaction, output: TaskOutput, nextOffset: number): Promise<void> => {
    const withOffset = pace.isDue(nextOffset, output.changelog.length + output.outputs.length);
    const offset = withOffset ? [sendOffset(transaction, nextOffset)] : [];
    // All requests run at the same time. allSettled: no part of a failed transaction may still run when this function
    // ends.
    const results = await Promise.allSettled([...offset, send(transaction, output, sending)]);
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    if (failures.length > 0) throw gravest(failures);
    await hooks.beforeCommit?.(partition);
    await transaction.commit();
    pace.committed(nextOffset, withOffset ? 'with-offset' : 'without');
  };

  return {
    restore: (onRecord, until, from) =>
      restore(service, { topic: changelog, partition, from, to: barrier }, onRecord, until),
    async commit(output, nextOffset) {
      try {
        await write(await producer.transaction(), output, nextOffset);
      } catch (error) {
        throw told(transactionalId, error);
      }
    },
    owes: (nextOffset) => pace.committed(nextOffset, 'without'),
    offsetDueAt: () => pace.owed()?.at ?? null,
    async commitOffset() {
      const owed = pace.owed();
      if (owed === null) return;
      try {
        const transaction = await producer.transaction();
        await sendOffset(transaction, owed.offset);
        await transaction.commit();
        pace.committed(owed.offset, 'with-offset');
      } catch (error) {
        throw told(transactionalId, error);
      }
    },
    close: () => producer.disconnect(),
  };
}

/** A producer behind the fence, and the offset in the changelog up to which it has to restore. */
async function fence(
  connection: KafkaConnection,
  transactionalId: string,
  { changelog, partition }: { readonly changelog: string; readonly partition: number },
): Promise<{ readonly producer: Producer; readonly barrier: number }> {
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
    return { producer, barrier: await raiseBarrier(await producer.transaction(), changelog) };
  } catch (error) {
    await producer.disconnect().catch(() => undefined);
    throw fencedOf(transactionalId, error) ?? fatalOf(transactionalId, error) ?? error;
  }
}

interface Sending {
  readonly transactionalId: string;
  readonly changelog: string;
  readonly compression: ReturnType<typeof compressionOf>;
}

/** Sends the records of a transaction, in as many requests as they need. */
async function send(
  transaction: Transaction,
  output: TaskOutput,
  { transactionalId, changelog, compression }: Sending,
): Promise<void> {
  const { rounds, add } = createRounds();
  for (const record of output.changelog) add(changelog, toMessage(record, undefined));
  for (const record of output.outputs) add(record.topic, toMessage(record, undefined));
  const age = createAge();
  for (const [round, topicMessages] of rounds.entries()) {
    if (age() > SEND_WITHIN_MS) {
      throw new Error(`${transactionalId}: ${round} of ${rounds.length} requests took ${SEND_WITHIN_MS} ms`);
    }
    await transaction.sendBatch({ topicMessages, acks: -1, compression } satisfies ProducerBatch);
  }
}

/** Translates an error of a transaction into the runtime's errors. */
function told(transactionalId: string, error: unknown): unknown {
  const fenced = fencedOf(transactionalId, error);
  if (fenced !== null) return fenced;
  const answer = answerOf(error);
  if (answer?.verdict === 'refused') return new RefusedError(`${answer.name}: ${answer.means}`, { cause: error });
  return fatalOf(transactionalId, error) ?? error;
}

/** The error if a newer owner has opened the transactional id; else null. */
function fencedOf(transactionalId: string, error: unknown): FencedError | null {
  const answer = answerOf(error);
  if (answer?.verdict !== 'fence') return null;
  return new FencedError(`${transactionalId}: fenced (${answer.name})`, { cause: error });
}

function fatalOf(transactionalId: string, error: unknown): OperatorError | null {
  const answer = answerOf(error);
  if (answer?.verdict !== 'fatal') return null;
  return new OperatorError(
    `Kafka refuses the transactions of ${transactionalId}: ${answer.name} (${answer.code}), ${answer.means}. ` +
      'Nothing can be written before this is changed: `queuefold doctor` says what is missing.',
    { cause: error },
  );
}

/**
 * Writes a record after everything that older owners have written, in a transaction that is aborted, so that nobody
 * reads it. Returns the offset after it. A restore up to that offset has read everything that was committed. The end of
 * the partition alone is not enough: a broker that no longer leads the partition, and does not know it yet, answers an
 * older end, and kafkajs cannot name the leader's epoch (KIP-320). Such a broker takes no record (acks=all).
 */
async function raiseBarrier(transaction: Transaction, topic: string): Promise<number> {
  const messages = [{ key: BARRIER_KEY, value: BARRIER_KEY }];
  try {
    const [written] = await transaction.send({ topic, messages, acks: -1 });
    await transaction.abort();
    return Number(written?.baseOffset ?? 0) + 1;
  } catch (error) {
    // The first error names the cause.
    if (transaction.isActive()) await transaction.abort().catch(() => undefined);
    throw error;
  }
}

async function restore(
  service: Service,
  { topic, partition, from, to }: Omit<Range, 'from'> & { readonly from: number | undefined },
  onRecord: (record: LogRecord) => void,
  isStopped: () => boolean,
): Promise<void> {
  const { beginning, end } = await partitionBounds(service, topic, partition);
  let readAt = performance.now();
  const stands = (): boolean => performance.now() - readAt > RESTORE_STANDS_MS;
  const position = await readUpTo(
    service,
    { topic, partition, from: from ?? beginning, to: Math.max(end, to) },
    (record) => {
      readAt = performance.now();
      onRecord(record);
    },
    () => isStopped() || stands(),
  );
  // Stops short if the topic was recreated, or if its leader is gone.
  if (position >= to || isStopped()) return;
  throw new Error(`${topic}/${partition}: read up to ${position} only, not to ${to}`);
}

/** The first offset of a partition, and its end (the LSO). */
export async function partitionBounds(service: Service, topic: string, partition: number) {
  return service.ask([topic], async (cluster) => {
    const [first, end] = await Promise.all([
      boundsOf(cluster, topic, [partition], 'beginning'),
      boundsOf(cluster, topic, [partition], 'end'),
    ]);
    return { beginning: first.get(partition) ?? 0, end: end.get(partition) ?? 0 };
  });
}

/** @see Backend.readRange */
export async function readRange(
  service: Service,
  range: Range,
  onRecord: (record: LogRecord) => void,
  isStopped: () => boolean,
): Promise<void> {
  await readUpTo(service, range, onRecord, isStopped);
}

/** Returns the offset that it reached. */
async function readUpTo(
  service: Service,
  { topic, partition, from, to }: Range,
  onRecord: (record: LogRecord) => void,
  isStopped: () => boolean,
): Promise<number> {
  const cluster = await service.ask([topic], (asked) => Promise.resolve(asked));
  const position: ReadPosition = { topic, partition, position: from, until: to };
  const onBatch = (_: ReadPosition, records: readonly LogRecord[]): void => records.forEach(onRecord);
  await readPositions({ cluster, positions: [position], onBatch, isStopped, attempts: RESTORE_ATTEMPTS });
  return position.position;
}

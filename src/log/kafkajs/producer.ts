import type { CompressionTypes, Producer } from 'kafkajs';
import { partitionOf } from '../partitioner';
import type { LogProducer, OutRecord } from '../port';
import { atMost, createDeferred, type Deferred } from '../runtime/signal';
import { compressionOf, createClient, VERY_PATIENT, type KafkaConnection } from './client';
import { protocolTypes } from './internals';
import { createRounds, toMessage, type OutMessage } from './records';

interface Waiting {
  readonly records: readonly OutRecord[];
  readonly outcome: Deferred<undefined>;
}

/** So many records of waiting calls go into one request. */
const REQUEST_RECORDS = 1_000;
/** What is under way when the producer is closed: kafkajs would try for minutes. */
const CLOSE_WITHIN_MS = 2_000;
const DISCONNECT_WITHIN_MS = 1_000;
const TOO_LARGE = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'];

/**
 * One request under way at a time; what is called meanwhile goes together into the next. That keeps the order of a key
 * through retries, and kafkajs needs it: it counts sequence numbers back when a request fails, so another request in
 * flight could take over the numbers of one that had been stored, and the broker would drop it as a duplicate.
 * For the same reason a failed producer is never used again: its numbers may no longer be the broker's.
 */
export function createKafkaProducer(connection: KafkaConnection): LogProducer {
  let producer: Promise<Producer> | null = null;
  const compression = compressionOf(connection);
  const queue: Waiting[] = [];
  let sending: Promise<void> | null = null;
  let underWay: readonly Waiting[] = [];
  let isClosed = false;
  /** Nothing more is begun; what kafkajs still tries comes to nothing. */
  let isAbandoned = false;

  const open = async (): Promise<Producer> => {
    const opened = createClient(connection, VERY_PATIENT).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner,
    });
    await opened.connect();
    return opened;
  };

  const discard = async (): Promise<void> => {
    const old = producer;
    producer = null;
    await (await old?.catch(() => null))?.disconnect().catch(() => undefined);
  };

  const takeCalls = (): Waiting[] => {
    let records = 0;
    let count = 0;
    for (const call of queue) {
      if (count > 0 && records + call.records.length > REQUEST_RECORDS) break;
      records += call.records.length;
      count += 1;
    }
    return queue.splice(0, count);
  };

  const sendAll = async (): Promise<void> => {
    while (queue.length > 0 && !isAbandoned) {
      const calls = takeCalls();
      underWay = calls;
      try {
        await sendCalls(await (producer ??= open()), calls, compression);
        for (const { outcome } of calls) outcome.resolve(undefined);
      } catch (error) {
        await discard();
        // What waits must not overtake what failed, unless the failed records can never be stored.
        const isPoison = protocolTypes(error).some((type) => TOO_LARGE.includes(type));
        const failed = isPoison ? calls : [...calls, ...queue.splice(0)];
        for (const { outcome } of failed) outcome.reject(error);
      }
    }
    // In the same turn as the last look at the queue: a call in between would wait for ever.
    sending = null;
  };

  return {
    send(records) {
      if (isClosed) return Promise.reject(new Error('the producer is closed'));
      if (records.length === 0) return Promise.resolve();
      const outcome = createDeferred<undefined>();
      queue.push({ records, outcome });
      sending ??= sendAll();
      return outcome.promise;
    },
    async close() {
      isClosed = true;
      await atMost(CLOSE_WITHIN_MS, sending);
      isAbandoned = true;
      const error = new Error('the producer was closed before the log took this');
      for (const { outcome } of [...underWay, ...queue.splice(0)]) outcome.reject(error);
      // One that is still being opened is closed by then: kafkajs tries that for minutes, too.
      await atMost(DISCONNECT_WITHIN_MS, discard());
    },
  };
}

async function sendCalls(producer: Producer, calls: readonly Waiting[], compression: CompressionTypes): Promise<void> {
  const { rounds, add } = createRounds();
  for (const { records } of calls) for (const record of records) add(record.topic, toMessage(record, record.partition));
  for (const topicMessages of rounds) await producer.sendBatch({ topicMessages, acks: -1, compression });
}

/** The partition is written into the message: a retry must not move a record that has no key. */
function createPartitioner() {
  let roundRobin = 0;
  return ({ partitionMetadata, message }: { partitionMetadata: readonly unknown[]; message: object }): number => {
    const own = message as OutMessage;
    const count = partitionMetadata.length;
    own.partition ??= own.key === null ? roundRobin++ % count : partitionOf(own.key, count);
    return own.partition;
  };
}

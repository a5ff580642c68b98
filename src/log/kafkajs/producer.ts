import type { CompressionTypes, Producer } from 'kafkajs';
import { atMost, createDeferred, type Deferred, MissingError } from '../../common';
import { partitionOf } from '../partitioner';
import type { LogProducer, OutRecord } from '../port';
import { RefusedRecordsError } from '../refused';
import { answerOf } from './answers';
import { compressionOf, createClient, VERY_PATIENT, type KafkaConnection } from './client';
import { isUnknownTopic } from './cluster';
import { createRounds, toMessage, type OutMessage } from './records';

interface Waiting {
  readonly records: readonly OutRecord[];
  readonly outcome: Deferred<undefined>;
}

/** One request holds up to this many records of waiting calls. */
const REQUEST_RECORDS = 1_000;
/** How long to wait for the request under way when the producer closes: kafkajs would try for minutes. */
const CLOSE_WITHIN_MS = 2_000;
const DISCONNECT_WITHIN_MS = 1_000;
/**
 * How old the number of a topic's partitions may be when a record's partition is chosen. kafkajs's five minutes are too
 * long: if somebody recreates a topic with another number, a key would go to two partitions.
 */
const METADATA_MS = 5_000;

/**
 * Sends one request at a time; calls that come meanwhile go together into the next one. That keeps the order of a key
 * through retries, and kafkajs needs it. kafkajs counts sequence numbers back when a request fails. Another request in
 * flight could take over the numbers of a stored one, and the broker would drop it as a duplicate. For the same reason
 * a failed producer is never used again: its numbers may no longer be the broker's.
 */
export class KafkaProducer implements LogProducer {
  readonly #connection: KafkaConnection;
  readonly #checkTopic: (topic: string) => Promise<unknown>;
  readonly #compression: CompressionTypes;
  #producer: Promise<Producer> | null = null;
  readonly #queue: Waiting[] = [];
  #sending: Promise<void> | null = null;
  #underWay: readonly Waiting[] = [];
  #isClosed = false;
  /** Starts nothing more; later results of kafkajs are ignored. */
  #isAbandoned = false;

  /** @param checkTopic rejects with a MissingError if the topic does not exist */
  constructor(connection: KafkaConnection, checkTopic: (topic: string) => Promise<unknown>) {
    this.#connection = connection;
    this.#checkTopic = checkTopic;
    this.#compression = compressionOf(connection);
  }

  send(records: readonly OutRecord[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error('the producer is closed'));
    if (records.length === 0) return Promise.resolve();
    const outcome = createDeferred<undefined>();
    this.#queue.push({ records, outcome });
    this.#sending ??= this.#sendAll();
    return outcome.promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await atMost(CLOSE_WITHIN_MS, this.#sending);
    this.#isAbandoned = true;
    const error = closedError();
    for (const { outcome } of [...this.#underWay, ...this.#queue.splice(0)]) outcome.reject(error);
    // A producer that is still being opened is closed by then; kafkajs would try that for minutes, too.
    await atMost(DISCONNECT_WITHIN_MS, this.#discard());
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0 && !this.#isAbandoned) {
      const calls = this.#takeCalls();
      this.#underWay = calls;
      try {
        const refused = await this.#deliver(calls.flatMap(({ records }) => records));
        for (const call of calls) settle(call, refused);
      } catch (failure) {
        await this.#discard();
        const error = await this.#explain(failure, calls);
        // Waiting records must not overtake failed ones.
        for (const { outcome } of [...calls, ...this.#queue.splice(0)]) outcome.reject(error);
      }
    }
    // In the same turn as the last check of the queue: a call in between would wait forever.
    this.#sending = null;
  }

  #takeCalls(): readonly Waiting[] {
    let records = 0;
    let count = 0;
    for (const call of this.#queue) {
      if (count > 0 && records + call.records.length > REQUEST_RECORDS) break;
      records += call.records.length;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** Returns the refused records, each sent alone, with the log's answer; the log has stored the others. */
  async #deliver(records: readonly OutRecord[]): Promise<Refusals> {
    if (this.#isAbandoned) throw closedError();
    try {
      this.#producer ??= this.#open();
      await sendRecords(await this.#producer, records, this.#compression);
      return NONE;
    } catch (error) {
      const answer = answerOf(error);
      if (answer?.verdict !== 'refused') throw error;
      await this.#discard();
      const [only] = records;
      if (only !== undefined && records.length === 1) return new Map([[only, `${answer.name}: ${answer.means}`]]);
      const middle = records.length >> 1;
      const first = await this.#deliver(records.slice(0, middle));
      return new Map([...first, ...(await this.#deliver(records.slice(middle)))]);
    }
  }

  /** Names the missing topic, which the brokers' answer does not. */
  async #explain(error: unknown, calls: readonly Waiting[]): Promise<unknown> {
    if (!isUnknownTopic(error)) return error;
    const topics = new Set(calls.flatMap(({ records }) => records.map(({ topic }) => topic)));
    const found = await Promise.allSettled([...topics].map((topic) => this.#checkTopic(topic)));
    const missing = found.find((one) => one.status === 'rejected' && one.reason instanceof MissingError);
    return missing?.status === 'rejected' ? missing.reason : error;
  }

  async #open(): Promise<Producer> {
    const opened = createClient(this.#connection, VERY_PATIENT).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_MS,
      createPartitioner,
    });
    await opened.connect();
    return opened;
  }

  async #discard(): Promise<void> {
    const old = this.#producer;
    this.#producer = null;
    await (await old?.catch(() => null))?.disconnect().catch(() => undefined);
  }
}

type Refusals = ReadonlyMap<OutRecord, string>;
const NONE: Refusals = new Map();

function settle({ records, outcome }: Waiting, refusals: Refusals): void {
  const refused = records.filter((record) => refusals.has(record));
  const [first] = refused;
  if (first === undefined) outcome.resolve(undefined);
  else outcome.reject(new RefusedRecordsError(refused, refusals.get(first) ?? ''));
}

function closedError(): Error {
  return new Error('the producer was closed before the log took this');
}

async function sendRecords(
  producer: Producer,
  records: readonly OutRecord[],
  compression: CompressionTypes,
): Promise<void> {
  const { rounds, add } = createRounds();
  for (const record of records) add(record.topic, toMessage(record, record.partition));
  for (const topicMessages of rounds) await producer.sendBatch({ topicMessages, acks: -1, compression });
}

/** The partition is stored in the message, so that a retry does not move a record without a key. */
function createPartitioner() {
  let roundRobin = 0;
  return ({ partitionMetadata, message }: { partitionMetadata: readonly unknown[]; message: object }): number => {
    const own = message as OutMessage;
    const count = partitionMetadata.length;
    own.partition ??= own.key === null ? roundRobin++ % count : partitionOf(own.key, count);
    return own.partition;
  };
}

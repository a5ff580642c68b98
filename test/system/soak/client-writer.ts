import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueConversation } from '../../../src/conversation';
import type { ValueCodec } from '../../../src/log';
import { aRow } from '../../support/conversation/rows';
import type { createStockAdmin } from '../../support/kafka/kafka-admin';
import { createRandom } from '../../support/processes/random';
import { until } from '../../support/processes/until';

type StockAdmin = Awaited<ReturnType<typeof createStockAdmin>>;

const CONVERSATIONS = 300;
const LIMIT_MS = 180_000;
const SAME_ID_MS = 60_000;

/** Writes transactions for as long as it is not paused; one in four is aborted. */
export async function createSoakWriter(
  { kafka }: Pick<StockAdmin, 'kafka'>,
  { topic, quietTopic }: { readonly topic: string; readonly quietTopic: string },
  codec: ValueCodec<QueueConversation>,
) {
  const random = createRandom(1);
  let version = Date.UTC(2026, 2, 1);
  const counts = { records: 0, committed: 0, aborted: 0, committedRecords: 0 };
  let isPaused = true;
  let isClosed = false;
  let underWay: Promise<void> = Promise.resolve();
  let ids = 0;
  const connect = async () => {
    const transactionalId = `soak-${ids}`;
    const connected = kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });
    await connected.connect();
    return connected;
  };
  let producer = await connect();
  /** A broker that is away: the outcome is unknown, and the next producer of the same id ends what is open. */
  const recover = async (): Promise<void> => {
    await producer.disconnect().catch(() => undefined);
    const askAgain = async (): Promise<boolean> => {
      if (isClosed) return true;
      const next = await connect();
      try {
        await (await next.transaction()).abort();
      } catch (error) {
        await next.disconnect().catch(() => undefined);
        throw error;
      }
      producer = next;
      return true;
    };
    await until('a producer of the same id', SAME_ID_MS, askAgain).catch(async () => {
      // The coordinator does not end it: Kafka does so after the transaction's timeout.
      ids += 1;
      await until('a producer of another id', LIMIT_MS, askAgain);
    });
  };

  const aMessage = () => {
    const key = `c${random.below(CONVERSATIONS)}`;
    if (random.below(8) === 0) return { key, value: null };
    version += 1;
    return { key, value: codec.encode(aRow({ conversation_id: key, db_last_updated: version })) };
  };
  const write = async (): Promise<void> => {
    const transaction = await producer.transaction();
    const messages = Array.from({ length: 1 + random.below(20) }, aMessage);
    await transaction.send({ topic, messages });
    counts.records += messages.length;
    if (random.below(4) === 0) {
      await transaction.abort();
      counts.aborted += 1;
    } else {
      await transaction.commit();
      counts.committed += 1;
      counts.committedRecords += messages.length;
    }
  };
  const run = async (): Promise<void> => {
    while (!isClosed) {
      if (isPaused) {
        await sleep(20);
        continue;
      }
      underWay = write().catch(recover);
      await underWay;
      await sleep(random.below(20));
    }
  };
  const running = run();
  /**
   * Kafka confirms a commit before its markers are in every partition, and lets the next transaction begin after that. So
   * one in another topic shows that everything of this topic is there.
   */
  const settle = async (): Promise<boolean> => {
    try {
      const transaction = await producer.transaction();
      await transaction.send({ topic: quietTopic, messages: [{ value: 'quiet' }] });
      await transaction.commit();
      return true;
    } catch {
      await recover();
      return false;
    }
  };
  return {
    records: () => counts.records,
    /** Without those of a transaction whose end nobody learned. */
    committedRecords: () => counts.committedRecords,
    transactions: () => ({ committed: counts.committed, aborted: counts.aborted, abandoned: ids }),
    resume: () => void (isPaused = false),
    /** Resolves when nothing is open any more, and every reader of what is committed can have all of it. */
    async pause() {
      isPaused = true;
      await underWay;
      await until('the last transaction to have ended', LIMIT_MS, settle);
    },
    async garbage() {
      const plain = kafka.producer();
      await plain.connect();
      await plain.send({ topic, messages: [{ key: `g${random.below(5)}`, value: Buffer.from('no Avro') }] });
      await plain.disconnect();
    },
    async close() {
      isClosed = true;
      await running;
      await producer.disconnect().catch(() => undefined);
    },
  };
}

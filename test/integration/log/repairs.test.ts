import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Kafka, Message, Producer } from 'kafkajs';
import { pino } from 'pino';
import { createKafkaLog } from '../../../src/log/kafkajs/log';
import type { Log } from '../../../src/log/port';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { openKafkajs, type OpenedVariant, type Variant } from '../../support/kafka/stock-kafkajs';
import { readAll } from '../../support/log/read-all';
import { eventually } from '../../support/processes/until';
import { ownKafkaForTests } from '../../support/services/services';

/** The bugs that show only against a broker, in kafkajs as npm installed it, and their absence with the repairs. */
const variants = [['stock'], ['repaired']] as const;

interface World {
  readonly brokers: readonly string[];
  readonly admin: Awaited<ReturnType<typeof createStockAdmin>>;
}

describe('kafkajs against a real Kafka', () => {
  let world: World | null = null;
  let dispose = (): Promise<void> => Promise.resolve();
  let count = 0;
  const here = (): World => {
    if (world === null) throw new Error('no Kafka');
    return world;
  };
  const newTopic = async (config: Readonly<Record<string, string>> = {}): Promise<string> => {
    count += 1;
    const topic = `repairs-${count}`;
    await here().admin.createTopic(topic, 1, config);
    return topic;
  };
  /** A client of the variant, and what it logs as an error. */
  const open = (variant: Variant): OpenedVariant & { kafka: Kafka; errors: string[] } => {
    const opened = openKafkajs(variant);
    const errors: string[] = [];
    const { Kafka: Client, logLevel } = opened.kafkajs;
    const kafka = new Client({
      brokers: [...here().brokers],
      clientId: variant,
      logLevel: logLevel.ERROR,
      logCreator: () => (entry) => void errors.push(`${entry.log.message} ${String(entry.log['error'])}`),
      retry: { initialRetryTime: 20, retries: 50, maxRetryTime: 1_000 },
    });
    return { ...opened, kafka, errors };
  };
  const transactional = async (kafka: Kafka, transactionalId: string): Promise<Producer> => {
    const producer = kafka.producer({
      transactionalId,
      transactionTimeout: 15_000,
      maxInFlightRequests: 5,
      createPartitioner: () => () => 0,
    });
    await producer.connect();
    return producer;
  };
  const transact = async (producer: Producer, topic: string, messages: Message[]): Promise<void> => {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages });
    await transaction.commit();
  };

  beforeAll(async () => {
    const kafka = await ownKafkaForTests({ overrides: { 'log.cleaner.backoff.ms': '300' } });
    dispose = kafka.dispose;
    world = { brokers: kafka.brokers, admin: await createStockAdmin(kafka.brokers) };
  });
  afterAll(async () => {
    await world?.admin.close();
    await dispose();
  });

  describe('R3, a cleaned segment that ends with an emptied batch', () => {
    it('stops the stock consumer for ever, and the repaired one not', async () => {
      const config = {
        'cleanup.policy': 'compact',
        'segment.bytes': '1048576',
        'min.cleanable.dirty.ratio': '0.01',
        'delete.retention.ms': '100',
      };
      const topic = await newTopic(config);
      const log = createKafkaLog({ brokers: here().brokers, clientId: 'reader', logger: pino({ enabled: false }) });
      await produceEmptiedTail(log, topic);
      // Only now, so that it was size alone that made the segments above.
      await here().admin.alterTopic(topic, { ...config, 'segment.ms': '1000', 'max.compaction.lag.ms': '1000' });
      // Cleaned: the superseded record is gone, and its batch, the last of its producer, is an empty shell. Appends roll.
      const ticker = await transactional(here().admin.kafka, `${topic}-ticker`);
      await eventually(async () => {
        await transact(ticker, topic, [{ key: 'tick', value: 'tock' }]);
        return (await readAll(log, topic)).filter(({ key }) => key?.toString() === 'dead').length === 1;
      });
      await ticker.disconnect();
      const end = (await log.endOffsets(topic)).get(0) ?? 0;
      await log.close();

      expect(await readWith('repaired', topic, end)).toBe('reached the end');
      expect(await readWith('stock', topic, end)).toBe('stopped moving');
    });

    /** B's last batch ends a segment, superseded by A's in the next one; B writes nothing more. */
    async function produceEmptiedTail(log: Log, topic: string): Promise<void> {
      const { kafka } = here().admin;
      const a = await transactional(kafka, `${topic}-a`);
      const b = await transactional(kafka, `${topic}-b`);
      const live = (round: number): Message[] =>
        Array.from({ length: 9 }, (_, n) => ({ key: `live-${round}-${n}`, value: randomBytes(100_000) }));
      await transact(a, topic, live(0));
      // Markers are written after the commit is acknowledged: A's must not come after B's batch.
      await eventually(async () => (await log.endOffsets(topic)).get(0) === 10);
      const dead = await b.transaction();
      await dead.send({ topic, messages: [{ key: 'dead', value: 'superseded below' }] });
      await transact(a, topic, [...live(1), { key: 'dead', value: 'newer' }]);
      await dead.commit();
      await transact(a, topic, live(2));
      await a.disconnect();
      await b.disconnect();
    }

    async function readWith(variant: Variant, topic: string, end: number): Promise<string> {
      const consumer = open(variant).kafka.consumer({ groupId: `${topic}-${variant}`, maxWaitTimeInMs: 100 });
      let position = 0;
      let idleFetches = 0;
      consumer.on(consumer.events.START_BATCH_PROCESS, ({ payload }) => {
        position = Number(payload.lastOffset) + 1;
        idleFetches = 0;
      });
      consumer.on(consumer.events.FETCH, () => void (idleFetches += 1));
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() });
      // At the end a fetch waits for data; a stuck one is answered at once: hundreds of vain fetches are no accident.
      await eventually(() => position >= end || idleFetches > 300);
      await consumer.disconnect();
      return position >= end ? 'reached the end' : 'stopped moving';
    }
  });

  describe('R5, CONCURRENT_TRANSACTIONS', () => {
    it.each(variants)('%s', async (variant) => {
      const topic = await newTopic();
      const { kafka, errors } = open(variant);
      const producer = await transactional(kafka, `${topic}-${variant}`);
      const offsets = {
        consumerGroupId: `${topic}-g`,
        topics: [{ topic, partitions: [{ partition: 0, offset: '1' }] }],
      };
      const asked = { AddPartitionsToTxn: 0, AddOffsetsToTxn: 0 };
      producer.on(producer.events.REQUEST, ({ payload: { apiName } }) => {
        if (apiName === 'AddPartitionsToTxn' || apiName === 'AddOffsetsToTxn') asked[apiName] += 1;
      });
      /** Back to back, until one begins while the markers of the one before are written: then its first request is repeated. */
      const untilConcurrent = async (api: keyof typeof asked, transactOnce: () => Promise<void>): Promise<void> => {
        for (let transactions = 1; ; transactions++) {
          await transactOnce();
          if (asked[api] > transactions) return;
        }
      };
      const concurrent = (): number => errors.filter((error) => /concurrent operation/.test(error)).length;

      await untilConcurrent('AddPartitionsToTxn', () => transact(producer, topic, [{ key: 'k', value: 'v' }]));
      if (variant === 'stock') expect(concurrent()).toBeGreaterThan(0);
      else expect(errors).toEqual([]);

      // Without output, a transaction begins with AddOffsetsToTxn, which kafkajs does not ask again: it fails.
      const offsetsOnly = async (): Promise<void> => {
        const transaction = await producer.transaction();
        try {
          await transaction.sendOffsets(offsets);
        } catch (error) {
          await transaction.abort();
          throw error;
        }
        await transaction.commit();
      };
      if (variant === 'stock') {
        const endless = untilConcurrent('AddOffsetsToTxn', offsetsOnly);
        await expect(endless).rejects.toMatchObject({ type: 'CONCURRENT_TRANSACTIONS' });
      } else {
        await untilConcurrent('AddOffsetsToTxn', offsetsOnly);
        expect(errors).toEqual([]);
      }
      await producer.disconnect();
    });
  });

  describe('R6, lookups of coordinators', () => {
    it.each(variants)('%s', async (variant) => {
      const topic = await newTopic();
      const producer = await transactional(open(variant).kafka, `${topic}-${variant}`);
      const offsets = {
        consumerGroupId: `${topic}-g`,
        topics: [{ topic, partitions: [{ partition: 0, offset: '1' }] }],
      };
      let lookups = 0;
      producer.on(producer.events.REQUEST, ({ payload }) => {
        if (payload.apiName === 'GroupCoordinator') lookups += 1;
      });
      for (let i = 0; i < 11; i++) {
        const transaction = await producer.transaction();
        await transaction.send({ topic, messages: [{ key: 'k', value: 'v' }] });
        await transaction.sendOffsets(offsets);
        await transaction.commit();
        if (i === 0) lookups = 0;
      }
      // Four for each, and more when R5 makes it try again.
      if (variant === 'stock') expect(lookups).toBeGreaterThanOrEqual(40);
      else expect(lookups).toBe(0);
      await producer.disconnect();
    });
  });
});

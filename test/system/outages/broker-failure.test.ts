import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { OperatorError } from '../../../src/common';
import { createKafkaLog, type Log, type LogProducer, partitionOf } from '../../../src/log';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { readAll } from '../../support/log/read-all';
import { SUM_TOPOLOGY, createSumTask } from '../../support/log/sum-task';
import { eventually } from '../../support/processes/until';
import { ownKafkaForTests } from '../../support/services/services';

const logger = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

describe('a broker that dies', () => {
  let kafka: Awaited<ReturnType<typeof ownKafkaForTests>> | null = null;
  const logs: Log[] = [];
  const here = () => {
    if (kafka === null) throw new Error('no Kafka');
    return kafka;
  };
  const connect = (): Log => {
    const log = createKafkaLog({ brokers: here().brokers, clientId: `client-${logs.length}`, logger });
    logs.push(log);
    return log;
  };
  beforeAll(async () => {
    kafka = await ownKafkaForTests();
  });
  afterAll(async () => {
    await Promise.all(logs.map((log) => log.close()));
    await kafka?.dispose();
  });

  it('a broker dies within transactions: when it is back, every record is folded exactly once', async () => {
    const admin = await createStockAdmin(here().brokers);
    for (const topic of ['in', 'state']) await admin.createTopic(topic, 2);
    await admin.createTopic('changelog', 2, { 'cleanup.policy': 'compact' });
    await admin.close();
    const log = connect();
    const tasks = await log.runTasks(SUM_TOPOLOGY, () => createSumTask({ stateTopic: 'state' }));
    const sink: string[] = [];
    const subscription = await log.subscribe({
      group: 'sink',
      topic: 'state',
      onAssigned: () => Promise.resolve(new Map()),
      onRevoked: () => undefined,
      onRecords: (_, records) => void sink.push(...records.map(({ key }) => key?.toString() ?? '')),
    });
    const producer = await log.createProducer();
    const value = Buffer.from('1');
    let produced = 0;
    let isFeeding = true;
    const isOn = (): boolean => isFeeding;
    const feed = (async () => {
      while (isOn()) {
        await producer.send(KEYS.map((key) => ({ topic: 'in', key, value })));
        produced += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();

    for (let round = 0; round < 2; round++) {
      const before = sink.length;
      await eventually(() => sink.length >= before + 40 * KEYS.length);
      await here().kill9();
      await here().restart();
    }
    const before = sink.length;
    await eventually(() => sink.length >= before + 40 * KEYS.length);
    isFeeding = false;
    await feed;
    await eventually(() => tasks.status().every(({ lag }) => lag === 0) && sink.length >= produced * KEYS.length);

    const totals = new Map<string, string[]>();
    for (const { key, value: total } of await readAll(log, 'state')) {
      const name = key?.toString() ?? '';
      totals.set(name, [...(totals.get(name) ?? []), total?.toString() ?? '']);
    }
    // One record for each event, each adding 1: nothing is missing, nothing is there twice, and the order is kept.
    const expected = Array.from({ length: produced }, (_, n) => String(n + 1));
    for (const key of KEYS) expect(totals.get(key)).toEqual(expected);
    expect(sink.length).toBeGreaterThanOrEqual(produced * KEYS.length);
    await eventually(() => tasks.ready() && subscription.ready());
    await producer.close();
    await tasks.stop();
    await subscription.stop();
  });

  it('for good: a producer is closed within seconds, and what it could not send is told', async () => {
    const admin = await createStockAdmin(here().brokers);
    await admin.createTopic('closed', 1);
    await admin.close();
    const producer = await connect().createProducer();
    const record = { topic: 'closed', key: 'a', value: Buffer.from('1') };
    await producer.send([record]);
    await here().kill9();
    // kafkajs alone would go on trying for two minutes.
    const sending = expect(producer.send([record])).rejects.toThrow();
    await producer.close();
    await sending;
    await here().restart();
  });

  it('whose topic was deleted: the producer names it after its attempts, and sends when it is back', async () => {
    const admin = await createStockAdmin(here().brokers);
    await Promise.all(['kept', 'deleted'].map((topic) => admin.createTopic(topic, 1)));
    const log = connect();
    const producer = await log.createProducer();
    const records = ['kept', 'deleted'].map((topic) => ({ topic, key: 'a', value: Buffer.from('1') }));
    await producer.send(records);
    await admin.deleteTopic('deleted');
    await expect(producer.send(records)).rejects.toThrow('Topic deleted does not exist. Run `queuefold setup`');
    await admin.createTopic('deleted', 1);
    await producer.send(records);
    expect((await log.endOffsets('deleted')).get(0)).toBe(1);
    await producer.close();
    await admin.close();
  });

  it('whose topic was recreated with another number of partitions: the producer sends no key to two partitions', async () => {
    const admin = await createStockAdmin(here().brokers);
    const log = connect();
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
    const producers = new Map<string, LogProducer>();
    const send = async (topic: string) =>
      producers.get(topic)?.send(keys.map((key) => ({ topic, key, value: Buffer.from('1') })));
    for (const topic of ['idle', 'sending']) {
      await admin.createTopic(topic, 2);
      producers.set(topic, await log.createProducer());
      await send(topic);
    }
    for (const topic of ['idle', 'sending']) await admin.deleteTopic(topic);
    // One topic is missing while records are sent. Before the other one, nothing is sent for a while.
    const sending = send('sending').then(
      () => 'sent',
      (error: unknown) => (error as Error).message,
    );
    for (const topic of ['idle', 'sending']) await admin.createTopic(topic, 6);
    expect(await sending).toMatch(/^sent$|^sending has 6 partitions now, and had 2/);
    await send('sending');
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    await send('idle');
    for (const topic of ['idle', 'sending']) {
      const records = await readAll(log, topic);
      const wrong = records.filter(({ key, partition }) => partition !== partitionOf(String(key), 6));
      expect({ topic, wrong, keys: new Set(records.map(({ key }) => String(key))).size }).toEqual({
        ...{ topic, wrong: [], keys: keys.length },
      });
    }
    for (const producer of producers.values()) await producer.close();
    await admin.close();
  });

  it('away at the start: a message that names the brokers, the reason and what to look at', async () => {
    await here().kill9();
    const log = connect();
    const start = log.runTasks(SUM_TOPOLOGY, () => createSumTask({ stateTopic: 'state' }));
    await expect(start).rejects.toThrow(OperatorError);
    await expect(start).rejects.toThrow(
      /^KAFKA_BROKERS: cannot reach 127\.0\.0\.1:\d+ \(.*ECONNREFUSED.*\)\. Is the broker up/,
    );
    await here().restart();
    await expect(log.endOffsets('no-such-topic')).rejects.toThrow(
      /Topic no-such-topic does not exist.*queuefold setup/,
    );
  });
});

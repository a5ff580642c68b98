import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { createKafkaLog, type Log, type RunningTasks } from '../../../src/log';
import { watchLoop } from '../../../src/wiring';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { SUM_TOPOLOGY, createSumTask } from '../../support/log/sum-task';
import { until } from '../../support/processes/until';
import { ownKafkaForTests } from '../../support/services/services';

/** Whether the loops of a group's member turn, on a real broker: idle, while the broker is away, and broken. */
const logger = pino({ level: 'silent' });
const SOON_MS = 120_000;
/** Longer than a fetch and a heartbeat take. */
const LOOK_MS = 1_000;

let kafka: Awaited<ReturnType<typeof ownKafkaForTests>>;
let log: Log;
let tasks: RunningTasks;
let watch: ReturnType<typeof watchLoop>;

beforeAll(async () => {
  kafka = await ownKafkaForTests();
  const admin = await createStockAdmin(kafka.brokers);
  for (const topic of ['in', 'state']) await admin.createTopic(topic, 1);
  await admin.createTopic('changelog', 1, { 'cleanup.policy': 'compact' });
  await admin.close();
  log = createKafkaLog({ brokers: kafka.brokers, clientId: 'watched', logger });
  tasks = await log.runTasks(SUM_TOPOLOGY, () => createSumTask({ stateTopic: 'state' }));
  watch = watchLoop({ log, topic: 'in', turns: () => tasks.turns(), logger, everyMs: LOOK_MS });
});
afterAll(async () => {
  watch.stop();
  await log.close();
  await kafka.dispose();
});

const turnsSoon = async (times: number): Promise<void> => {
  const before = tasks.turns() ?? 0;
  await until(`${times} turns`, SOON_MS, () => (tasks.turns() ?? 0) >= before + times);
};

describe('the loop of a consumer', () => {
  test('turns with nothing to do', async () => {
    await until('the task to run', SOON_MS, () => tasks.ready());
    await turnsSoon(20);
    expect(watch.live()).toEqual({ ok: true });
  });

  test('a consumer’s loop makes progress while the broker is down, and afterwards', async () => {
    await kafka.kill9();
    await turnsSoon(3);
    expect(watch.live()).toEqual({ ok: true });
    await kafka.restart();
    await until('the task to run again', SOON_MS, () => tasks.ready());
    await turnsSoon(20);
    expect(watch.live()).toEqual({ ok: true });
  });

  test('a consumer’s loop hangs, and its role is not live, when a fetch never ends although the broker answers', async () => {
    const broker = jest.requireActual<{ prototype: { fetch: () => Promise<unknown> } }>('kafkajs/src/broker');
    const { fetch } = broker.prototype;
    broker.prototype.fetch = () => new Promise(() => undefined);
    try {
      await until('it not to be live', SOON_MS, () => !watch.live().ok);
      expect(tasks.ready()).toBe(true); // Nothing else shows it.
    } finally {
      broker.prototype.fetch = fetch;
    }
  });
});

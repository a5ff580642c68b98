import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createKafkaLog, type Log, type LogRecord } from '../../../src/log';
import { type KafkaCluster, startKafkaCluster } from '../../support/kafka/cluster';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { createSumTask } from '../../support/log/sum-task';
import { until } from '../../support/processes/until';

/** Two members and a sink on three brokers with min.insync.replicas=2: leaders and coordinators are on each of them. */
const topology = {
  group: 'g',
  input: 'in',
  changelog: 'changelog',
  outputs: ['state'],
  tables: ['state'],
  timers: false,
};
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const START_MS = 300_000;
const LIMIT_MS = 900_000;
const SOON_MS = 180_000;
const logger = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });

let cluster: KafkaCluster;
const logs: Log[] = [];

beforeAll(async () => {
  cluster = await startKafkaCluster();
  const { createTopic, close } = await createStockAdmin(cluster.brokers);
  for (const topic of ['in', 'state']) await createTopic(topic, 3, {}, 3);
  await createTopic('changelog', 3, { 'cleanup.policy': 'compact' }, 3);
  await close();
  await cluster.whole();
}, START_MS);
afterAll(async () => {
  await Promise.all(logs.map((log) => log.close()));
  await cluster.dispose();
}, START_MS);

function connect(): Log {
  const log = createKafkaLog({ brokers: cluster.brokers, clientId: `client-${logs.length}`, logger });
  logs.push(log);
  return log;
}

async function valuesByKey(log: Log, topic: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  const onRecord = ({ key, value }: LogRecord): void => {
    const name = String(key);
    found.set(name, [...(found.get(name) ?? []), String(value)]);
  };
  const reading = await log.read({ topics: [topic], follow: false, onRecord });
  await reading.caughtUp;
  await reading.stop();
  return found;
}

/** Sends records until told to end. What it could not send for sure is of no matter: the topic says what there is. */
function feed(log: Log): { end(): Promise<void> } {
  let isFeeding = true;
  const isOn = (): boolean => isFeeding;
  const feeding = (async () => {
    while (isOn()) {
      const producer = await log.createProducer().catch(() => null);
      while (isOn() && producer !== null) {
        const sent = await producer.send(KEYS.map((key) => ({ topic: 'in', key, value: Buffer.from('1') }))).then(
          () => true,
          () => false,
        );
        if (!sent) break;
        await sleep(20);
      }
      await producer?.close();
      await sleep(100);
    }
  })();
  return {
    end: () => {
      isFeeding = false;
      return feeding;
    },
  };
}

test(
  'leaders and coordinators move, one broker is away, then two: folds and sinks go on, stand, and go on, exactly once',
  async () => {
    const [first, second] = [connect(), connect()];
    const members = [
      await first.runTasks(topology, () => createSumTask({ stateTopic: 'state' })),
      await second.runTasks(topology, () => createSumTask({ stateTopic: 'state' })),
    ];
    let stored = 0;
    const subscription = await second.subscribe({
      group: 'sink',
      topic: 'state',
      onAssigned: () => Promise.resolve(new Map()),
      onRevoked: () => undefined,
      onRecords: (_, records) => void (stored += records.length),
    });
    const fed = feed(connect());
    const moves = async (what: string): Promise<void> => {
      const before = stored;
      await until(`records through the fold, ${what}`, SOON_MS, () => stored >= before + 40 * KEYS.length);
    };
    await moves('with three brokers');
    for (const node of cluster.nodes) {
      await node.stop();
      await moves(`without broker ${node.id}, which left in order`);
      await node.start();
      await cluster.whole();
      await node.kill9();
      await moves(`without broker ${node.id}, which was killed`);
      await node.start();
      await cluster.whole();
    }
    const [, two, three] = cluster.nodes;
    await Promise.all([two?.kill9(), three?.kill9()]);
    // What was under way ends, one way or the other; then nothing goes on.
    let standing = -1;
    await until('the fold to stand', SOON_MS, async () => {
      standing = stored;
      await sleep(5_000);
      return stored === standing;
    });
    await sleep(5_000);
    expect(stored).toBe(standing);
    await Promise.all([two?.start(), three?.start()]);
    await cluster.whole();
    await moves('with three brokers again');
    await fed.end();

    const log = connect();
    const events = await valuesByKey(log, 'in');
    const count = [...events.values()].flat().length;
    await until(
      'everything to be folded',
      SOON_MS,
      async () => [...(await valuesByKey(log, 'state')).values()].flat().length >= count,
    );
    const state = await valuesByKey(log, 'state');
    // One record for each event, each adding 1: nothing is missing, nothing is there twice, and the order is kept.
    for (const key of KEYS) {
      const expected = (events.get(key) ?? []).map((_, index) => String(index + 1));
      expect(state.get(key)).toEqual(expected);
    }
    for (const member of members) await member.stop();
    await subscription.stop();
  },
  LIMIT_MS,
);

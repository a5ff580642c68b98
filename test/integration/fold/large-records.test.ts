import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DEFAULT_FOLD_SETTINGS, type QueueConversation, DEFAULT_LIMITS } from '../../../src/conversation';
import { startFold } from '../../../src/fold';
import {
  createEventCodec,
  createKafkaAdmin,
  createKafkaLog,
  createLocalSchemas,
  createRowCodec,
  createVisitCodec,
  type RunningTasks,
  type TaskHooks,
  topicNames,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { QUIET } from '../../support/clickhouse/store-rows';
import { acd, at, call, connected, email } from '../../support/conversation/conversation-builders';
import { readLine } from '../../support/conversation/read-line';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { lastingTopics } from '../../support/kafka/lasting-topics';
import { readAll } from '../../support/log/read-all';
import { eventually } from '../../support/processes/until';
import { kafkaForTests } from '../../support/services/services';

/** Kafka's own default of `max.message.bytes`. */
const DEFAULT_LARGEST = 1_048_588;
const schemas = createLocalSchemas();
const limits = { maxConsecutive: 100, maxRatio: 0.5 };
let brokers: string[];
let scenes = 0;
const disposers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  ({ brokers } = await kafkaForTests());
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

/** Topics as `setup` makes them, of one partition. */
async function openScene() {
  const topics = topicNames(`large-${Date.now()}-${scenes++}`);
  const connection = { brokers, clientId: topics.prefix, logger: QUIET };
  const definitions = lastingTopics(topics);
  const admin = await createKafkaAdmin(connection);
  await admin.setupTopics({ definitions, partitions: 1, replicationFactor: 1, dryRun: false });
  await admin.close();
  const log = createKafkaLog(connection);
  disposers.push(() => log.close());
  const [events, rows] = await Promise.all([createEventCodec(schemas, topics), createRowCodec(schemas, topics)]);
  const producer = await log.createProducer();

  const fold = async (): Promise<RunningTasks> => {
    const tasks = await startFold({
      ...{ log, schemas, topics, deadLetterLimits: limits, metrics: createMetrics(), timers: false },
      settings: { ...DEFAULT_FOLD_SETTINGS, limits: DEFAULT_LIMITS },
    });
    disposers.push(() => tasks.stop());
    return tasks;
  };
  const sendEvent = async (seconds: number, id: string, ...participants: readonly unknown[]): Promise<void> => {
    const read = readLine(Buffer.from(JSON.stringify({ receivedAt: at(seconds), event: { id, participants } })), 0);
    if (read?.kind !== 'event') throw new Error('no event');
    await producer.send([{ topic: topics.events, key: id, value: events.encode(read.event) }]);
  };
  const written = async (): Promise<readonly (QueueConversation | null)[]> =>
    (await readAll(log, topics.state)).map(({ value }) => {
      const decoded = value === null ? null : rows.decode(value);
      return decoded?.ok === true ? decoded.value : null;
    });
  const letters = async (): Promise<readonly string[]> =>
    (await readAll(log, topics.deadLetters)).map(
      ({ headers }) => `${headers['error.reason'] ?? ''} ${headers['source.offset'] ?? ''}`,
    );
  return { topics, log, producer, events, fold, sendEvent, written, letters };
}

/** They become the topic's only settings. */
async function alter(topic: string, config: Readonly<Record<string, string>>): Promise<void> {
  const admin = await createStockAdmin(brokers);
  await admin.alterTopic(topic, config);
  await admin.close();
}

const skilled = (count: number): object => ({
  ...acd('queue', 'Q1', call('k', connected(1))),
  conversationRoutingData: {
    skills: Array.from({ length: count }, (_, n) => ({ id: String(n).padStart(36, '0') })),
  },
});

describe('on a broker with the default limits', () => {
  test('a row of 35,000 skills is in the state topic', async () => {
    const { fold, sendEvent, written, letters } = await openScene();
    await fold();
    await sendEvent(1, 'large', skilled(35_000));
    await sendEvent(2, 'good', acd('queue', 'Q1', call('k', connected(2))));
    await eventually(async () => (await written()).length === 2);
    const [large, good] = await written();
    expect(large?.routing_skill_id?.length).toBeGreaterThan(DEFAULT_LARGEST);
    expect(good?.conversation_id).toBe('good');
    expect(await letters()).toEqual([]);
  });

  test('a row beyond what the state topic takes is a dead letter, and changes nothing else', async () => {
    const { topics, fold, sendEvent, written, letters } = await openScene();
    // As of an installation before `setup` has raised it.
    await alter(topics.state, { 'cleanup.policy': 'compact' });
    await fold();
    await sendEvent(1, 'a', skilled(2));
    await sendEvent(2, 'a', skilled(35_000));
    // Each text is within its limit.
    const texts = Array.from({ length: 5 }, (_, n) => String(n).repeat(250_000));
    const [queueId, state, direction, provider, subject] = texts;
    const mail = email('e', { connectedTime: at(3), state, direction, provider, subject });
    await sendEvent(3, 'b', { ...acd('queue', 'Q1', mail), queueId });
    await sendEvent(4, 'a', skilled(3));
    await eventually(async () => (await written()).length === 2 && (await letters()).length === 2);
    expect((await written()).map((row) => row?.routing_skill_id?.split(',').length)).toEqual([2, 3]);
    expect(await letters()).toEqual(['too-large 1', 'too-large 2']);
  });

  test('a visit beyond what its topic takes makes its event a dead letter, and changes nothing else', async () => {
    const { topics, log, fold, sendEvent, written, letters } = await openScene();
    // The state topic takes the row: only the visit is too large. The records are months old, so they must not expire.
    await alter(topics.visits, { 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' });
    await fold();
    await sendEvent(1, 'a', skilled(2));
    await sendEvent(2, 'a', skilled(35_000));
    await sendEvent(3, 'a', skilled(3));
    await sendEvent(4, 'b', acd('queue', 'Q1', call('k', connected(4))));
    await eventually(async () => (await written()).length === 3 && (await letters()).length === 1);
    expect((await written()).map((row) => row?.routing_skill_id?.split(',').length)).toEqual([2, 3, undefined]);
    expect(await letters()).toEqual(['too-large 1']);
    const codec = await createVisitCodec(schemas, topics);
    const visits = (await readAll(log, topics.visits)).flatMap(({ value }) => {
      const decoded = value === null ? null : codec.decode(value);
      return decoded?.ok === true ? [decoded.value] : [];
    });
    expect(visits.map((visit) => [visit.conversation_id, visit.routing_skill_id?.split(',').length])).toEqual([
      ['a', 2],
      ['a', 3],
      ['b', undefined],
    ]);
  });

  test('an unreadable record with a key of 1.5 MB becomes a dead letter, and its partition continues', async () => {
    const { topics, producer, fold, sendEvent, written, letters } = await openScene();
    await fold();
    await producer.send([{ topic: topics.events, key: Buffer.alloc(1_500_000, 'k'), value: Buffer.from('no Avro') }]);
    await sendEvent(1, 'good', acd('queue', 'Q1', call('k', connected(1))));
    await eventually(async () => (await written()).length === 1);
    expect(await letters()).toEqual(['not-avro 0']);
  });

  test('a limit that becomes smaller than a row while the fold runs costs that row alone', async () => {
    const { topics, fold, sendEvent, written, letters } = await openScene();
    const tasks = await fold();
    await sendEvent(1, 'first', skilled(2));
    await eventually(async () => (await written()).length === 1);
    await alter(topics.state, { 'cleanup.policy': 'compact', 'max.message.bytes': '20000' });
    tasks.pause();
    for (let n = 0; n < 20; n++) await sendEvent(2 + n, `c${n}`, skilled(n === 11 ? 1_000 : 2));
    tasks.resume();
    await eventually(async () => (await written()).length === 20 && (await letters()).length === 1);
    expect(await letters()).toEqual(['too-large 12']);
    expect((await written()).map((row) => row?.conversation_id)).not.toContain('c11');
  });

  test('14 KB of events that touch 90 MB of states are many transactions, none of them large', async () => {
    const { topics, log, producer, events, fold, written } = await openScene();
    // Compaction would take the checkpoints by which the transactions are told apart.
    const config = { 'cleanup.policy': 'compact', 'max.message.bytes': '8388608' };
    await alter(topics.changelog, { ...config, 'min.compaction.lag.ms': '86400000' });
    const tasks = await fold();
    const count = 24;
    const subject = (n: number): string => String(n % 10).repeat(250_000);
    // Each of these conversations is known by 3.8 MB: texts of communications that have ended.
    for (let n = 0; n < count; n++) {
      const legs = Array.from({ length: 15 }, (_, leg) => email(`e${leg}`, { ...connected(1), subject: subject(leg) }));
      const read = readLine(
        Buffer.from(
          JSON.stringify({ receivedAt: at(1), event: { id: `c${n}`, participants: [acd('q', 'Q1', ...legs)] } }),
        ),
        0,
      );
      if (read?.kind !== 'event') throw new Error('no event');
      await producer.send([{ topic: topics.events, key: `c${n}`, value: events.encode(read.event) }]);
    }
    await eventually(() => tasks.status()[0]?.nextOffset === count);
    tasks.pause();
    let bytes = 0;
    const small = Array.from({ length: count }, (_, n) => {
      const event = {
        id: `c${n}`,
        participants: [acd('q', 'Q1', email('e0', { state: 'parked', connectedTime: at(2) }))],
      };
      const read = readLine(Buffer.from(JSON.stringify({ receivedAt: at(2), event })), 0);
      if (read?.kind !== 'event') throw new Error('no event');
      const value = events.encode(read.event);
      bytes += value.length;
      return { topic: topics.events, key: `c${n}`, value };
    });
    expect(bytes).toBeLessThan(14 * 1024);
    await producer.send(small);
    tasks.resume();
    await eventually(() => tasks.status()[0]?.nextOffset === 2 * count);
    expect(await written()).toHaveLength(2 * count);

    // A checkpoint ends each transaction.
    const transactions: number[] = [];
    let sum = 0;
    let total = 0;
    for (const { key, value } of await readAll(log, topics.changelog)) {
      sum += value?.length ?? 0;
      if (key?.length !== 0) continue;
      transactions.push(sum);
      total += sum;
      sum = 0;
    }
    expect(total).toBeGreaterThan(90 * 1024 * 1024);
    expect(Math.max(...transactions)).toBeLessThan(20 * 1024 * 1024);
  });

  test('a transaction that outlasts its time-out is not tried again in the same size', async () => {
    const { topics, sendEvent, written } = await openScene();
    for (let n = 0; n < 4; n++) await sendEvent(1 + n, `c${n}`, skilled(2));
    let slow = 1;
    let commits = 0;
    const hooks: TaskHooks = {
      beforeCommit: async () => {
        commits++;
        if (slow-- <= 0) return;
        // The coordinator looks every 10 s: then it aborts what is older than 15 s.
        await new Promise((resolve) => setTimeout(resolve, 30_000));
      },
    };
    const log = createKafkaLog({ brokers, clientId: `${topics.prefix}-slow`, logger: QUIET, hooks });
    disposers.push(() => log.close());
    const tasks = await startFold({
      ...{ log, schemas, topics, deadLetterLimits: limits, metrics: createMetrics(), timers: false },
      settings: { ...DEFAULT_FOLD_SETTINGS, limits: DEFAULT_LIMITS },
    });
    disposers.push(() => tasks.stop());
    await eventually(async () => (await written()).length === 4);
    // All four at first; then two, and, since that went well, the other two.
    expect(commits).toBe(3);
  });
});

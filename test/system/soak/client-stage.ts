import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { openQueueTable, type QueueTable } from '../../../src/client';
import type { QueueConversation as StateRow } from '../../../src/conversation';
import {
  createKafkaLog,
  createRegistrySchemas,
  createRowCodec,
  registerSchema,
  loadSchema,
  topicNames,
  type ValueCodec,
  valueSubject,
} from '../../../src/log';
import { startKafkaCluster } from '../../support/kafka/cluster';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { readAll } from '../../support/log/read-all';
import { until } from '../../support/processes/until';
import { ownRegistryForTests } from '../../support/services/services';
import { followChanges } from './client-reader';
import { createSoakWriter } from './client-writer';

const PARTITIONS = 3;
/** One fewer than brokers, so that a partition can be given to brokers without the one that leads it. */
const REPLICAS = 2;
export const AWAY_MS = 1_500;
const LIMIT_MS = 180_000;
/**
 * Kafka removes tombstones within the hour, yet not while a broker is away: that ends the soak after LIMIT_MS. A broker
 * that misses a tombstone for good still has the row, and shows it again when it leads. No reader can know better.
 */
const TOMBSTONES_KEPT_MS = 300_000;
const QUIET = pino({ level: 'silent' });
const { state: TOPIC } = topicNames('genesys');
const QUIET_TOPIC = 'client-soak.quiet';
const CONFIG = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0.01',
  'segment.ms': '1000',
  'max.compaction.lag.ms': '1000',
  'delete.retention.ms': String(TOMBSTONES_KEPT_MS),
};

export type Stage = Awaited<ReturnType<typeof setClientStage>>;

export function brokerFaults({ kafka, writer, ...stage }: Stage, below: (limit: number) => number) {
  const aLeader = async () => {
    const leader = (await stage.leaders()).get(below(PARTITIONS));
    const node = kafka.nodes.find(({ id }) => id === leader);
    if (node === undefined) throw new Error(`no broker leads: ${String(leader)}`);
    return node;
  };
  return {
    kill: async () => {
      await sleep(AWAY_MS);
      const node = await aLeader();
      await node.kill9();
      await sleep(AWAY_MS);
      await node.start();
      await kafka.whole();
    },
    restart: async () => {
      const node = await aLeader();
      await node.stop();
      await sleep(AWAY_MS);
      await node.start();
      await kafka.whole();
    },
    move: async () => {
      await sleep(AWAY_MS);
      await stage.moveLeaders();
      await sleep(AWAY_MS);
    },
    blackout: async () => {
      await sleep(AWAY_MS);
      await Promise.all(kafka.nodes.map((node) => node.kill9()));
      await sleep(AWAY_MS);
      await Promise.all(kafka.nodes.map((node) => node.start()));
      await kafka.whole();
      // What was under way when they were killed ends as well.
      await writer.pause();
      writer.resume();
      await sleep(AWAY_MS);
    },
  };
}

export async function setClientStage() {
  const [kafka, registry] = await Promise.all([
    startKafkaCluster({ overrides: { 'log.cleaner.backoff.ms': '500' } }),
    ownRegistryForTests(),
  ]);
  const { brokers } = kafka;
  const admin = await createStockAdmin(brokers);
  const make = () => admin.createTopic(TOPIC, PARTITIONS, { ...CONFIG, 'min.insync.replicas': '1' }, REPLICAS);
  await make();
  await registerSchema(
    { url: registry.url, logger: QUIET },
    valueSubject(TOPIC),
    loadSchema('queue-conversation'),
    'apply',
  );
  const log = createKafkaLog({ brokers, clientId: 'soak', logger: QUIET });
  const schemas = createRegistrySchemas({ url: registry.url, logger: QUIET });
  const codec = await createRowCodec(schemas, topicNames('genesys'));
  await admin.createTopic(QUIET_TOPIC, 1, {}, REPLICAS);
  const writer = await createSoakWriter(admin, { topic: TOPIC, quietTopic: QUIET_TOPIC }, codec);
  const table = await openQueueTable({ brokers, registry: registry.url });
  const fast = followChanges(table, 'fast', () => null);
  const slow = followChanges(table, 'slow', () => sleep(20));

  const compare = async (): Promise<readonly string[]> => {
    const quietAt = Date.now();
    await until('a picture of the quiet topic', LIMIT_MS, () => {
      const { isReading, ageMs } = table.freshness();
      return isReading && Date.now() - ageMs > quietAt;
    });
    const topic = await readTopic(log, codec);
    const isSame = (map: ReadonlyMap<string, number>): boolean => differencesOf(topic, map).length === 0;
    // Apart from the table itself, which has to be right now, the readers may need a moment for what waits for them.
    const wrong = differencesOf(topic, versionsOf(table)).map((difference) => `table: ${difference}`);
    for (const reader of [fast, slow]) {
      await until('the readers to have read all', LIMIT_MS, () => isSame(reader.versions)).catch(() => undefined);
      wrong.push(...differencesOf(topic, reader.versions).map((difference) => `${reader.name}: ${difference}`));
    }
    if (wrong.length > 0) {
      const still = differencesOf(await readTopic(log, codec), versionsOf(table));
      wrong.push(`read again, the table differs from the topic in ${still.length} rows`);
    }
    return wrong;
  };

  const partitions = async () => {
    const { topics } = await admin.admin.fetchTopicMetadata({ topics: [TOPIC] });
    const found = topics[0]?.partitions ?? [];
    if (found.length < PARTITIONS || found.some(({ leader }) => leader < 0)) throw new Error(`${TOPIC} has no leaders`);
    return found;
  };
  /** By partition; asked until each has one. */
  const leaders = async (): Promise<ReadonlyMap<number, number>> => {
    let found: Awaited<ReturnType<typeof partitions>> = [];
    await until('leaders', LIMIT_MS, async () => {
      found = await partitions();
      return true;
    });
    return new Map(found.map(({ partitionId, leader }) => [partitionId, leader]));
  };

  return {
    ...{ kafka, log, writer, table, fast, slow, compare, leaders },
    async remake(): Promise<void> {
      await admin.deleteTopic(TOPIC);
      await make();
    },
    /** Each partition goes to the two brokers beside the one that leads it. */
    async moveLeaders(): Promise<void> {
      const ids = kafka.nodes.map(({ id }) => id);
      const partitionAssignment = [...(await leaders())].map(([partition, leader]) => {
        const replicas = ids.filter((id) => id !== leader);
        return { partition, replicas: partition % 2 === 0 ? replicas : replicas.reverse() };
      });
      await admin.admin.alterPartitionReassignments({ topics: [{ topic: TOPIC, partitionAssignment }] });
      await until('the partitions to have moved', LIMIT_MS, async () =>
        (await partitions()).every(({ partitionId, leader, isr }) => {
          const wanted = partitionAssignment.find(({ partition }) => partition === partitionId)?.replicas ?? [];
          return wanted.includes(leader) && isr.length === wanted.length;
        }),
      );
    },
    remaining: async (): Promise<number> => (await readAll(log, TOPIC)).length,
    async dispose() {
      await writer.close();
      await table.close();
      await log.close();
      await admin.close().catch(() => undefined);
      await Promise.all([kafka.dispose(), registry.dispose()]);
    },
  };
}

type SoakLog = ReturnType<typeof createKafkaLog>;

/** The version of each conversation, as its last readable record says. */
async function readTopic(log: SoakLog, codec: ValueCodec<StateRow>): Promise<ReadonlyMap<string, number>> {
  const records = await readAll(log, TOPIC);
  await codec.prepare(records.map(({ value }) => value));
  const map = new Map<string, number>();
  for (const { key, value } of records) {
    const id = key?.toString() ?? '';
    const decoded = value === null ? null : codec.decode(value);
    if (decoded === null) map.delete(id);
    else if (decoded.ok) map.set(id, decoded.value.db_last_updated);
  }
  return map;
}

function versionsOf(table: QueueTable): ReadonlyMap<string, number> {
  return new Map([...table.rows()].map((row) => [row.conversation_id, row.db_last_updated.getTime()]));
}

function differencesOf(topic: ReadonlyMap<string, number>, map: ReadonlyMap<string, number>): readonly string[] {
  const ids = new Set([...topic.keys(), ...map.keys()]);
  return [...ids]
    .filter((id) => topic.get(id) !== map.get(id))
    .map((id) => `${id} is ${String(map.get(id))}, the topic says ${String(topic.get(id))}`);
}

import type { Admin } from 'kafkajs';
import { OperatorError } from '../../common';
import type { TopicDefinition } from '../topics';
import { createClient, IMPATIENT, kafkajs, type KafkaConnection } from './client';
import { createService } from './cluster';
import { planTopic, type ExistingTopic, type TopicPlan } from './topic-plan';

export interface SetupRequest {
  readonly definitions: readonly TopicDefinition[];
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Changes nothing; answers what would be done. */
  readonly dryRun: boolean;
}

export interface KafkaAdmin {
  /**
   * Creates what is missing and changes settings that differ; idempotent. Answers what was (or would be) done, a sentence each.
   * @throws OperatorError, before anything is changed, when partition counts differ or a change would lose data
   */
  setupTopics(request: SetupRequest): Promise<readonly string[]>;
  /** What setup would do, topic by topic, beside what is there. */
  inspectTopics(request: Omit<SetupRequest, 'dryRun'>): Promise<readonly InspectedTopic[]>;
  /** Deletes topics, those of a replay for example. Topics that do not exist are no error. */
  deleteTopics(names: readonly string[]): Promise<void>;
  /** True when the group has members: its readers run somewhere. */
  groupIsActive(group: string): Promise<boolean>;
  close(): Promise<void>;
}

export interface InspectedTopic {
  readonly topic: string;
  /** Null: there is no such topic, or it is not shown. */
  readonly existing: ExistingTopic | null;
  readonly plan: TopicPlan;
}

/** `configSource` of a setting made on the topic itself (DYNAMIC_TOPIC_CONFIG); kafkajs's own enum is not exported. */
const SET_ON_TOPIC = '1';
const POLL_MS = 50;

/** @throws OperatorError when no broker answers */
export async function createKafkaAdmin(connection: KafkaConnection): Promise<KafkaAdmin> {
  const service = createService(connection);
  await service.checkReachable();
  const admin = createClient(connection, IMPATIENT).admin();
  await admin.connect();

  const inspectTopics: KafkaAdmin['inspectTopics'] = async ({ definitions, ...wanted }) => {
    const existing = await describeTopics(admin, definitions);
    return definitions.map((definition) => {
      const { topic } = definition;
      const now = existing.get(topic) ?? null;
      return { topic, existing: now, plan: planTopic(definition, now, wanted) };
    });
  };

  return {
    inspectTopics,
    async setupTopics({ dryRun, ...request }) {
      const plans = (await inspectTopics(request)).map(({ plan }) => plan);
      const refusals = plans.flatMap(({ refusals: reasons }) => reasons);
      if (refusals.length > 0) throw new OperatorError(refusals.join('\n'));
      if (!dryRun) await carryOut(admin, plans);
      return plans.flatMap(({ changes }) => changes);
    },
    async deleteTopics(names) {
      const known = new Set(await admin.listTopics());
      const topics = names.filter((name) => known.has(name));
      if (topics.length === 0) return;
      await admin.deleteTopics({ topics });
      await until(async () => {
        const left = new Set(await admin.listTopics());
        return !topics.some((name) => left.has(name));
      });
    },
    async groupIsActive(group) {
      const { groups } = await admin.describeGroups([group]);
      return groups.some(({ members }) => members.length > 0);
    },
    async close() {
      await admin.disconnect();
      await service.close();
    },
  };
}

async function describeTopics(
  admin: Admin,
  definitions: readonly Pick<TopicDefinition, 'topic'>[],
): Promise<ReadonlyMap<string, ExistingTopic>> {
  const known = new Set(await admin.listTopics());
  const names = definitions.map(({ topic }) => topic).filter((topic) => known.has(topic));
  if (names.length === 0) return new Map();
  const { topics } = await admin.fetchTopicMetadata({ topics: names });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: kafkajs().ConfigResourceTypes.TOPIC, name })),
  });
  return new Map(
    topics.map(({ name, partitions }) => {
      const entries = resources.find(({ resourceName }) => resourceName === name)?.configEntries ?? [];
      return [
        name,
        {
          partitions: partitions.length,
          replicationFactor: Math.min(...partitions.map(({ replicas }) => replicas.length)),
          inSync: Math.min(...partitions.map(({ leader, isr }) => (leader < 0 ? 0 : isr.length))),
          config: new Map(entries.map(({ configName, configValue }) => [configName, configValue])),
          // Everything else is a default of the broker.
          own: new Set(
            entries
              .filter(({ configSource }) => String(configSource) === SET_ON_TOPIC)
              .map((entry) => entry.configName),
          ),
        },
      ];
    }),
  );
}

async function carryOut(admin: Admin, plans: readonly TopicPlan[]): Promise<void> {
  const created = plans.flatMap(({ create }) => (create === null ? [] : [create]));
  if (created.length > 0) {
    const topics = created.map(({ topic, partitions, replicationFactor, config }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor,
      configEntries: toEntries(config),
    }));
    await admin.createTopics({ topics, waitForLeaders: false });
    await until(async () => {
      const names = created.map(({ topic }) => topic);
      // kafkajs's own waiting fails while a broker has not heard of a topic yet.
      const metadata = await admin.fetchTopicMetadata({ topics: names }).catch(() => null);
      return metadata?.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0)) === true;
    });
  }
  const altered = plans.flatMap(({ alter }) => (alter === null ? [] : [alter]));
  if (altered.length > 0) {
    await admin.alterConfigs({
      validateOnly: false,
      resources: altered.map(({ topic, config }) => ({
        type: kafkajs().ConfigResourceTypes.TOPIC,
        name: topic,
        configEntries: toEntries(config),
      })),
    });
    // The controller has it; a broker answers the old value until it has heard of it.
    await until(async () => {
      const now = await describeTopics(admin, altered);
      return altered.every(({ topic, config }) =>
        [...config].every(([name, value]) => now.get(topic)?.config.get(name) === value),
      );
    });
  }
}

function toEntries(config: ReadonlyMap<string, string>): { name: string; value: string }[] {
  return [...config].map(([name, value]) => ({ name, value }));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

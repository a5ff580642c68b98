import type { Admin } from 'kafkajs';
import { OperatorError } from '../../../common';
import type { TopicDefinition } from '../../topics';
import { createClient, IMPATIENT, kafkajs, type KafkaConnection } from '../client';
import { createService, type Service } from '../service';
import { alterTopic, createTopic, negotiateAlter, negotiateCreate, type Negotiated } from './topic-negotiation';
import {
  changeText,
  createdText,
  planTopic,
  type ExistingTopic,
  type SettingChange,
  type TopicPlan,
} from './topic-plan';
import { askedForTexts, leftOutTexts, notKeptText, refusedAlter, refusedCreate } from './topic-refusals';

export interface SetupRequest {
  readonly definitions: readonly TopicDefinition[];
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Changes nothing, and answers what it would do. */
  readonly dryRun: boolean;
  /** Called for a setting that is not needed and that the broker refuses or does not keep. */
  readonly onNote?: (sentence: string) => void;
}

export interface KafkaAdmin {
  /**
   * Creates missing topics and changes settings that differ; idempotent. Returns one sentence for each change that was
   * (or would be) made. A dry run makes a note of changes that are only wished for, because only a real change shows
   * whether the broker keeps it.
   * @throws OperatorError, before it changes anything, if partition counts differ, if a change would lose data, or if
   * the broker would refuse something that is needed
   */
  setupTopics(request: SetupRequest): Promise<readonly string[]>;
  /** What setup would do, topic by topic, with the topic's present state and the broker's answer. */
  inspectTopics(request: Omit<SetupRequest, 'dryRun' | 'onNote'>): Promise<readonly InspectedTopic[]>;
  /** Deletes topics, for example those of a replay. A missing topic is no error. */
  deleteTopics(names: readonly string[]): Promise<void>;
  /** True if the group has members: its readers run somewhere. */
  groupIsActive(group: string): Promise<boolean>;
  close(): Promise<void>;
}

export interface InspectedTopic {
  readonly topic: string;
  /** Null: the topic does not exist, or the broker does not show it. */
  readonly existing: ExistingTopic | null;
  readonly plan: TopicPlan;
  readonly negotiated: Negotiated;
}

/** `configSource` of a setting made on the topic itself (DYNAMIC_TOPIC_CONFIG); kafkajs does not export its enum. */
const SET_ON_TOPIC = '1';
const POLL_MS = 50;
/** How long to wait until a broker shows its controller's change; shorter for settings that are not needed. */
const SHOWN_WITHIN_MS = { needed: 20_000, wished: 3_000 };

/** @throws OperatorError if no broker answers */
export async function createKafkaAdmin(connection: KafkaConnection): Promise<KafkaAdmin> {
  const service = createService(connection);
  await service.checkReachable();
  const admin = createClient(connection, IMPATIENT).admin();
  await admin.connect();

  const inspectTopics: KafkaAdmin['inspectTopics'] = async ({ definitions, ...wanted }) => {
    const existing = await describeTopics(admin, definitions);
    const inspected: InspectedTopic[] = [];
    for (const definition of definitions) {
      const { topic, optional } = definition;
      const now = existing.get(topic) ?? null;
      const plan = planTopic(definition, now, wanted);
      const { create, needed, wished } = plan;
      const negotiated = await ask(service, (cluster) =>
        create === null ? negotiateAlter(cluster, topic, needed, wished) : negotiateCreate(cluster, create, optional),
      );
      inspected.push({ topic, existing: now, plan, negotiated });
    }
    return inspected;
  };

  return {
    inspectTopics,
    async setupTopics({ dryRun, onNote = () => undefined, ...request }) {
      const inspected = await inspectTopics(request);
      const refusals = inspected.flatMap(refusalsOf);
      if (refusals.length > 0) throw new OperatorError(refusals.join('\n'));
      for (const { topic, negotiated } of inspected) leftOutTexts(topic, negotiated).forEach(onNote);
      if (dryRun) {
        for (const one of inspected) askedForTexts(one.topic, accepted(one, one.plan.wished)).forEach(onNote);
        return inspected.flatMap((one) => [...createdOf(one), ...changesOf(one)]);
      }
      const created = await createAll(service, admin, inspected);
      return [...created, ...(await alterAll(service, admin, inspected, onNote))];
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

/** Asks a cluster that knows its controller. */
function ask<T>(service: Service, question: Parameters<typeof service.ask<T>>[1]): Promise<T> {
  return service.ask([], async (cluster) => {
    await cluster.refreshMetadata();
    return question(cluster);
  });
}

function refusalsOf({ topic, plan, negotiated }: InspectedTopic): readonly string[] {
  if (plan.refusals.length > 0 || negotiated.refusal === null) return plan.refusals;
  return [
    plan.create === null
      ? refusedAlter(topic, negotiated.config, negotiated.refusal)
      : refusedCreate({ ...plan.create, config: negotiated.config }, negotiated.refusal),
  ];
}

function createdOf({ plan, negotiated }: InspectedTopic): readonly string[] {
  return plan.create === null ? [] : [createdText({ ...plan.create, config: negotiated.config })];
}

/**
 * The certain changes. A wish is not one: a broker may accept it and keep its own value, and nobody knows that before.
 */
function changesOf(inspected: InspectedTopic): readonly string[] {
  return accepted(inspected, inspected.plan.needed).map(
    (change) => `changed ${inspected.topic}: ${changeText(change)}`,
  );
}

function accepted({ negotiated }: InspectedTopic, changes: readonly SettingChange[]): readonly SettingChange[] {
  return changes.filter(({ name }) => negotiated.config.has(name));
}

async function createAll(
  service: Service,
  admin: Admin,
  inspected: readonly InspectedTopic[],
): Promise<readonly string[]> {
  const topics = inspected.flatMap(({ plan: { create }, negotiated: { config } }) =>
    create === null ? [] : [{ ...create, config }],
  );
  if (topics.length === 0) return [];
  for (const one of topics) {
    const refusal = await ask(service, (cluster) => createTopic(cluster, one, 'apply'));
    if (refusal !== null) throw new OperatorError(refusedCreate(one, refusal));
  }
  await until(async () => {
    // kafkajs's own waiting fails while a broker does not know the topic yet.
    const metadata = await admin.fetchTopicMetadata({ topics: topics.map(({ topic }) => topic) }).catch(() => null);
    return metadata?.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0)) === true;
  });
  return inspected.flatMap(createdOf);
}

/** A broker may accept a setting and keep its own value, so only a value that the broker shows counts as changed. */
async function alterAll(
  service: Service,
  admin: Admin,
  inspected: readonly InspectedTopic[],
  onNote: (sentence: string) => void,
): Promise<readonly string[]> {
  const altered = inspected.filter(({ plan, negotiated }) => plan.create === null && negotiated.config.size > 0);
  if (altered.length === 0) return [];
  for (const { topic, negotiated } of altered) {
    const refusal = await ask(service, (cluster) => alterTopic(cluster, topic, negotiated.config, 'apply'));
    if (refusal !== null) throw new OperatorError(refusedAlter(topic, negotiated.config, refusal));
  }
  let now: ReadonlyMap<string, ExistingTopic> = new Map();
  const isShown = (topic: string, name: string, value: string): boolean => now.get(topic)?.config.get(name) === value;
  // The controller has the change. Until a broker learns it, the broker answers the old values; it learns all changes
  // of a topic at once.
  await until(
    async () => {
      now = await describeTopics(admin, altered);
      return altered.every(({ topic, negotiated: { config } }) =>
        [...config].some(([name, value]) => isShown(topic, name, value)),
      );
    },
    altered.some(({ plan }) => plan.needed.length > 0) ? SHOWN_WITHIN_MS.needed : SHOWN_WITHIN_MS.wished,
  );
  const changes: string[] = [];
  for (const { topic, plan, negotiated } of altered) {
    for (const change of [...plan.needed, ...plan.wished]) {
      if (!negotiated.config.has(change.name)) continue;
      if (isShown(topic, change.name, change.wanted)) changes.push(`changed ${topic}: ${changeText(change)}`);
      else if (plan.needed.includes(change)) throw new OperatorError(notKeptText(topic, change, 'needed'));
      else onNote(notKeptText(topic, change, 'wished'));
    }
  }
  return changes;
}

async function describeTopics(
  admin: Admin,
  definitions: readonly { readonly topic: string }[],
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

/** @param withinMs how long to wait; absent: forever */
async function until(condition: () => Promise<boolean>, withinMs = Infinity): Promise<void> {
  const startedAt = performance.now();
  while (!(await condition()) && performance.now() - startedAt < withinMs) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

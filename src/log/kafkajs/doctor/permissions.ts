import { setTimeout as sleep } from 'node:timers/promises';
import { failed, type Finding, ok } from '../../../common';
import { aclFlags, type Acl, type AclOperation } from '../../acls';
import { protocolTypes } from '../internals';
import { produceNothing, TOPIC_RESOURCE, type Probe, type ProbeBroker } from './probe';

/** Beyond the end of every topic: the broker answers a fetch with an error and no records. */
const NOWHERE = '9223372036854775806';
/** A broker's answers to a request that it was permitted to process. */
const HARMLESS = new Set([
  'OFFSET_OUT_OF_RANGE',
  'INVALID_RECORD',
  'CORRUPT_MESSAGE',
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'TOPIC_ALREADY_EXISTS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_CONFIG',
  'POLICY_VIOLATION',
  'NOT_CONTROLLER',
]);
const ELECTED = new Set(['LEADER_NOT_AVAILABLE']);
/** A leader or coordinator is being elected or loaded at this moment, or a broker does not know the topic yet. */
const SOON = new Set([
  ...ELECTED,
  'NOT_LEADER_FOR_PARTITION',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'CONCURRENT_TRANSACTIONS',
]);
const SOON_MS = 200;
const NO_LONGER_MS = 10_000;
const COORDINATOR = { group: 0, transaction: 1 } as const;

export type DeniedOperations = ReadonlySet<AclOperation>;

/**
 * Which of the operations on a topic are denied. It reads, writes, creates and changes nothing. An operation that
 * cannot be tested because the topic does not exist counts as permitted.
 */
export async function deniedOnTopic(
  probe: Probe,
  topic: string,
  operations: readonly AclOperation[],
): Promise<DeniedOperations> {
  const denied = new Set<AclOperation>();
  const [first] = probe.brokers;
  if (first === undefined) return denied;
  const broker = await probe.broker(first.nodeId);
  const wanted = new Set(operations);
  if (wanted.has('Create') && (await isRefused(() => createNothing(broker, topic)))) denied.add('Create');
  let leader: { readonly partitionId: number; readonly leader: number } | undefined;
  try {
    const { topicMetadata } = await patiently(() => broker.metadata([topic]), ELECTED);
    leader = topicMetadata[0]?.partitionMetadata.find((partition) => partition.leader >= 0);
  } catch (error) {
    if (protocolTypes(error).includes('UNKNOWN_TOPIC_OR_PARTITION')) return denied;
    if (!isDenied(error)) throw error;
    // Read and Write imply Describe, and AlterConfigs implies DescribeConfigs, so all of them are denied.
    return new Set([...denied, ...withoutImplied(operations)]);
  }
  const resources = [{ type: TOPIC_RESOURCE, name: topic, configNames: [], configEntries: [] }] as const;
  if (wanted.has('DescribeConfigs') && (await isRefused(() => broker.describeConfigs({ resources })))) {
    denied.add('DescribeConfigs');
  }
  if (wanted.has('AlterConfigs') && (await isRefused(() => broker.alterConfigs({ resources, validateOnly: true })))) {
    denied.add('AlterConfigs');
  }
  if (leader === undefined) return denied;
  const at = await probe.broker(leader.leader);
  const { partitionId: partition } = leader;
  if (wanted.has('Read')) {
    const partitions = [{ partition, fetchOffset: NOWHERE, maxBytes: 1 }];
    const question = { maxWaitTime: 0, minBytes: 0, maxBytes: 1, isolationLevel: 1, topics: [{ topic, partitions }] };
    if (await isRefused(() => at.fetch(question))) denied.add('Read');
  }
  if (wanted.has('Write') && (await isRefused(() => produceNothing(at, topic, partition)))) denied.add('Write');
  return denied;
}

/** Without Describe none of these is of use. A role that neither reads nor writes needs Describe itself. */
function withoutImplied(operations: readonly AclOperation[]): readonly AclOperation[] {
  const used = operations.filter((operation) => operation === 'Read' || operation === 'Write');
  return used.length > 0 ? used : ['Describe'];
}

/** `validateOnly`: the broker only checks the request. */
async function createNothing(broker: ProbeBroker, topic: string): Promise<void> {
  const one = { topic, numPartitions: 1, replicationFactor: 1, replicaAssignment: [], configEntries: [] };
  try {
    await broker.createTopics({ topics: [one], validateOnly: true });
  } catch (error) {
    // kafkajs gathers the errors of all topics.
    throw error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? error.errors[0] : error;
  }
}

/** Tests Read on a consumer group with a heartbeat of an unknown member. */
export async function checkGroup(probe: Probe, acl: Acl): Promise<Finding> {
  const name = `kafka group ${acl.name}`;
  const beat = { groupId: acl.name, groupGenerationId: -1, memberId: 'queuefold-doctor' };
  const refused = await isRefused(() =>
    withCoordinator(probe, acl.name, COORDINATOR.group, (coordinator) => coordinator.heartbeat(beat)),
  );
  return refused ? failed(name, 'this user may not use it', remedyOf(acl)) : ok(name, 'permitted');
}

/**
 * Tests transactions with an id of the doctor's own. An id of the fold's would end the transaction of a running fold.
 */
export async function checkTransactions(probe: Probe, acl: Acl): Promise<Finding> {
  const name = 'kafka transactions';
  const transactionalId = `${acl.name}doctor`;
  const refused = await isRefused(() =>
    withCoordinator(probe, transactionalId, COORDINATOR.transaction, (coordinator) =>
      coordinator.initProducerId({ transactionalId, transactionTimeout: 10_000 }),
    ),
  );
  return refused ? failed(name, 'not permitted', remedyOf(acl)) : ok(name, 'permitted');
}

export function remedyOf(acl: Acl): string {
  return `Allow it: kafka-acls.sh --add --allow-principal User:… ${aclFlags(acl)}`;
}

async function withCoordinator(
  probe: Probe,
  groupId: string,
  coordinatorType: number,
  ask: (coordinator: Awaited<ReturnType<Probe['broker']>>) => Promise<unknown>,
): Promise<void> {
  for (const startedAt = performance.now(); ;) {
    try {
      const [first] = probe.brokers;
      const any = await probe.broker(first?.nodeId ?? -1);
      const { coordinator } = await any.findGroupCoordinator({ groupId, coordinatorType });
      await ask(await probe.broker(coordinator.nodeId));
      return;
    } catch (error) {
      const isSoon = protocolTypes(error).some((type) => SOON.has(type));
      if (!isSoon || performance.now() - startedAt > NO_LONGER_MS) throw error;
      await sleep(SOON_MS);
    }
  }
}

async function isRefused(question: () => Promise<unknown>): Promise<boolean> {
  try {
    await patiently(question, SOON);
    return false;
  } catch (error) {
    if (isDenied(error)) return true;
    if (protocolTypes(error).some((type) => HARMLESS.has(type))) return false;
    throw error;
  }
}

/** Repeats a question that fails for one of these reasons, for a while. */
async function patiently<T>(question: () => Promise<T>, reasons: ReadonlySet<string>): Promise<T> {
  for (const startedAt = performance.now(); ;) {
    try {
      return await question();
    } catch (error) {
      const isSoon = protocolTypes(error).some((type) => reasons.has(type));
      if (!isSoon || performance.now() - startedAt > NO_LONGER_MS) throw error;
      await sleep(SOON_MS);
    }
  }
}

function isDenied(error: unknown): boolean {
  return protocolTypes(error).some((type) => type.endsWith('_AUTHORIZATION_FAILED'));
}

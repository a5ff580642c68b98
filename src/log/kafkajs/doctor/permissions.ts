import { setTimeout as sleep } from 'node:timers/promises';
import { failed, ok, type Finding } from '../../../common/finding';
import type { TopicNames } from '../../topics';
import { protocolTypes } from '../internals';
import { produceNothing, type Probe } from './probe';

type Operation = 'Describe' | 'Read' | 'Write';

/** What the roles do with each topic. */
export function operationsOf(
  names: TopicNames,
): readonly (readonly [topic: string, operations: readonly Operation[]])[] {
  return [
    [names.events, ['Describe', 'Read', 'Write']],
    [names.state, ['Describe', 'Read', 'Write']],
    [names.changelog, ['Describe', 'Read', 'Write']],
    [names.deadLetters, ['Describe', 'Write']],
    [names.names, ['Describe', 'Read', 'Write']],
  ];
}

/** Beyond the end of every topic: the answer to a fetch is an error without records. */
const NOWHERE = '9223372036854775806';
/** What a broker says of a request that it was permitted to look at. */
const HARMLESS = new Set([
  'OFFSET_OUT_OF_RANGE',
  'INVALID_RECORD',
  'CORRUPT_MESSAGE',
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
]);
const ELECTED = new Set(['LEADER_NOT_AVAILABLE']);
/** A leader or coordinator that is elected or loaded at this moment; a broker that has not heard of a topic yet. */
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

/** Which of the operations on a topic are denied; null: there is no such topic. Nothing is read and nothing written. */
export async function deniedOnTopic(
  probe: Probe,
  topic: string,
  operations: readonly Operation[],
): Promise<readonly Operation[] | null> {
  const [first] = probe.brokers;
  if (first === undefined) return null;
  const broker = await probe.broker(first.nodeId);
  let leader: { readonly partitionId: number; readonly leader: number } | undefined;
  try {
    const { topicMetadata } = await patiently(() => broker.metadata([topic]), ELECTED);
    leader = topicMetadata[0]?.partitionMetadata.find((partition) => partition.leader >= 0);
  } catch (error) {
    if (protocolTypes(error).includes('UNKNOWN_TOPIC_OR_PARTITION')) return null;
    if (isDenied(error)) return ['Describe'];
    throw error;
  }
  if (leader === undefined) return [];
  const at = await probe.broker(leader.leader);
  const { partitionId: partition } = leader;
  const denied: Operation[] = [];
  if (operations.includes('Read')) {
    const partitions = [{ partition, fetchOffset: NOWHERE, maxBytes: 1 }];
    const question = { maxWaitTime: 0, minBytes: 0, maxBytes: 1, isolationLevel: 1, topics: [{ topic, partitions }] };
    if (await isRefused(() => at.fetch(question))) denied.push('Read');
  }
  if (operations.includes('Write') && (await isRefused(() => produceNothing(at, topic, partition))))
    denied.push('Write');
  return denied;
}

/** Read on a consumer group, asked with a heartbeat of nobody. */
export async function checkGroup(probe: Probe, group: string): Promise<Finding> {
  const name = `kafka group ${group}`;
  const beat = { groupId: group, groupGenerationId: -1, memberId: 'queuefold-doctor' };
  const refused = await isRefused(() =>
    withCoordinator(probe, group, COORDINATOR.group, (coordinator) => coordinator.heartbeat(beat)),
  );
  return refused
    ? failed(name, 'its use is not permitted', `Allow it: kafka-acls --add --operation Read --group ${group} …`)
    : ok(name, 'permitted');
}

/** Transactions, asked with an id of the doctor's own: one of the fold's would end the transaction of a running one. */
export async function checkTransactions(probe: Probe, names: TopicNames): Promise<Finding> {
  const name = 'kafka transactions';
  const transactionalId = `${names.foldGroup}-doctor`;
  const refused = await isRefused(() =>
    withCoordinator(probe, transactionalId, COORDINATOR.transaction, (coordinator) =>
      coordinator.initProducerId({ transactionalId, transactionTimeout: 10_000 }),
    ),
  );
  const allow = `Allow them: kafka-acls --add --operation Write --operation Describe --resource-pattern-type prefixed --transactional-id ${names.foldGroup}- …`;
  return refused ? failed(name, 'not permitted', allow) : ok(name, 'permitted');
}

async function withCoordinator(
  probe: Probe,
  groupId: string,
  coordinatorType: number,
  ask: (coordinator: Awaited<ReturnType<Probe['broker']>>) => Promise<unknown>,
): Promise<void> {
  for (const startedAt = Date.now(); ;) {
    try {
      const [first] = probe.brokers;
      const any = await probe.broker(first?.nodeId ?? -1);
      const { coordinator } = await any.findGroupCoordinator({ groupId, coordinatorType });
      await ask(await probe.broker(coordinator.nodeId));
      return;
    } catch (error) {
      const isSoon = protocolTypes(error).some((type) => SOON.has(type));
      if (!isSoon || Date.now() - startedAt > NO_LONGER_MS) throw error;
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

/** Asks again what fails for one of these reasons, for a while. */
async function patiently<T>(question: () => Promise<T>, reasons: ReadonlySet<string>): Promise<T> {
  for (const startedAt = Date.now(); ;) {
    try {
      return await question();
    } catch (error) {
      const isSoon = protocolTypes(error).some((type) => reasons.has(type));
      if (!isSoon || Date.now() - startedAt > NO_LONGER_MS) throw error;
      await sleep(SOON_MS);
    }
  }
}

function isDenied(error: unknown): boolean {
  return protocolTypes(error).some((type) => type.endsWith('_AUTHORIZATION_FAILED'));
}

import { check, failed, type Finding, type Findings, ok, skipped, warning } from '../../../common';
import { aclsOf, mergedAcls, type Acl, type AclRole } from '../../acls';
import type { TopicDefinition, TopicNames } from '../../topics';
import { createKafkaAdmin, type InspectedTopic } from '../admin/admin';
import { changeText, partitionsText } from '../admin/topic-plan';
import { leftOutTexts, reason, refusedCreate } from '../admin/topic-refusals';
import type { Refusal } from '../admin/topic-requests';
import type { KafkaConnection } from '../client';
import { explainUnreachable } from '../unreachable';
import { checkGroup, checkTransactions, deniedOnTopic, remedyOf, type DeniedOperations } from './permissions';
import { apiKey, openProbe, reach, spokenVersions, type AdvertisedBroker, type ApiVersions, type Probe } from './probe';

export interface KafkaCheckOptions {
  readonly connection: KafkaConnection;
  readonly names: TopicNames;
  readonly definitions: readonly TopicDefinition[];
  readonly partitions: number;
  readonly replicationFactor: number;
  /** The roles whose permissions to check; absent: those of one user for bridge, fold and sink. */
  readonly roles?: readonly AclRole[];
}

const USUAL_ROLES: readonly AclRole[] = ['bridge', 'fold', 'sink'];

/** The requests of the roles to a broker, by kafkajs's names. */
const NEEDED = [
  ...['Produce', 'Fetch', 'ListOffsets', 'Metadata', 'OffsetCommit', 'OffsetFetch', 'GroupCoordinator', 'JoinGroup'],
  ...['Heartbeat', 'LeaveGroup', 'SyncGroup', 'InitProducerId', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'EndTxn'],
  'TxnOffsetCommit',
];
const TRY_AGAIN = 'Try again.';

/**
 * Checks brokers, their advertised addresses, topics and permissions. It changes nothing, and leaves one transactional
 * id behind.
 */
export async function checkKafka(options: KafkaCheckOptions): Promise<Findings> {
  const { connection, names, replicationFactor, roles = USUAL_ROLES } = options;
  const acls = mergedAcls(roles.flatMap((role) => aclsOf(role, names)));
  let probe: Probe;
  try {
    probe = await openProbe(connection);
  } catch (error) {
    return [await unreachable(connection, error), ...theOthers(options, acls, 'no broker answers')];
  }
  try {
    const { brokers, versions } = probe;
    const listeners = (await Promise.all(brokers.map((broker) => checkListener(connection, broker)))).flat();
    const first = [checkBrokers(brokers, replicationFactor), ...listeners, checkVersions(versions)];
    if (listeners.every(({ outcome }) => outcome === 'failed')) {
      return [...first, ...theOthers(options, acls, 'no advertised address answers')];
    }
    const others = acls.filter(({ resource }) => resource !== 'topic');
    const found = await Promise.all([
      check({ name: 'kafka topics', remedy: TRY_AGAIN }, () => checkTopics(probe, options, acls)),
      ...others.map((acl) =>
        check({ name: nameOf(acl), remedy: TRY_AGAIN }, () =>
          acl.resource === 'group' ? checkGroup(probe, acl) : checkTransactions(probe, acl),
        ),
      ),
    ]);
    return [...first, ...found.flat()];
  } finally {
    await probe.close().catch(() => undefined);
  }
}

function theOthers({ definitions }: KafkaCheckOptions, acls: readonly Acl[], why: string): Findings {
  const topics = definitions.map(({ topic }) => `kafka topic ${topic}`);
  const others = acls.filter(({ resource }) => resource !== 'topic').map(nameOf);
  return [...topics, ...others].map((name) => skipped(name, why));
}

function nameOf({ resource, name }: Acl): string {
  return resource === 'transactional-id' ? 'kafka transactions' : `kafka ${resource} ${name}`;
}

async function unreachable(connection: KafkaConnection, error: unknown): Promise<Finding> {
  const { detail, remedy } = await explainUnreachable(connection, error);
  return failed(
    'kafka brokers',
    `KAFKA_BROKERS: cannot use ${connection.brokers.join(', ')} (${detail})`,
    remedy ?? 'Is a broker up there, can this machine reach it, and does it want KAFKA_SSL or KAFKA_SASL_…?',
  );
}

function checkBrokers(brokers: readonly AdvertisedBroker[], replicationFactor: number): Finding {
  const name = 'kafka brokers';
  const detail = brokers.length === 1 ? '1 broker' : `${brokers.length} brokers`;
  if (brokers.length >= replicationFactor) return ok(name, detail);
  const short = `${detail}, fewer than REPLICATION_FACTOR ${replicationFactor}`;
  return failed(name, short, 'Setup cannot create the topics. Add brokers, or lower REPLICATION_FACTOR.');
}

function checkListener(connection: KafkaConnection, { nodeId, host, port }: AdvertisedBroker): Promise<Findings> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const name = `kafka broker ${nodeId}`;
  const remedy = `Let advertised.listeners of broker ${nodeId} name an address that this machine reaches, or let this machine reach ${address}.`;
  return check({ name, remedy }, async () => {
    try {
      await reach(connection, address);
      return ok(name, `answers at ${address}, as advertised`);
    } catch (error) {
      const problem = await explainUnreachable(connection, error);
      return failed(name, `advertises ${address}, which does not answer (${problem.detail})`, problem.remedy ?? remedy);
    }
  });
}

/** The protocol does not show a broker's release, so the check is whether the broker speaks the needed versions. */
function checkVersions(versions: ApiVersions): Finding {
  const name = 'kafka protocol';
  const unspoken = NEEDED.filter((api) => {
    const offered = versions[String(apiKey(api))];
    return !spokenVersions(api).some(
      (one) => offered !== undefined && one >= offered.minVersion && one <= offered.maxVersion,
    );
  });
  if (unspoken.length === 0)
    return ok(name, `the brokers speak all ${NEEDED.length} requests of the roles, transactions included`);
  return failed(
    name,
    `the brokers do not speak the versions that queuefold speaks of ${unspoken.join(', ')}`,
    'Upgrade Kafka: queuefold needs 2.8 or later.',
  );
}

async function checkTopics(probe: Probe, options: KafkaCheckOptions, acls: readonly Acl[]): Promise<Findings> {
  const { connection, definitions, partitions, replicationFactor } = options;
  const needs = new Map(acls.flatMap((acl) => (acl.resource === 'topic' ? [[acl.name, acl] as const] : [])));
  const denied = new Map<string, DeniedOperations>();
  for (const { topic } of definitions) {
    const operations = needs.get(topic)?.operations;
    // Without DescribeConfigs the doctor cannot judge the settings, whether or not a role needs it.
    if (operations !== undefined)
      denied.set(topic, await deniedOnTopic(probe, topic, [...operations, 'DescribeConfigs']));
  }
  const shown = definitions.filter(({ topic }) => denied.get(topic)?.size === 0);
  const admin = await createKafkaAdmin(connection);
  try {
    const inspected = await admin.inspectTopics({ definitions: shown, partitions, replicationFactor });
    return definitions.map(({ topic }) => {
      const name = `kafka topic ${topic}`;
      const acl = needs.get(topic);
      if (acl === undefined) return skipped(name, `${options.roles?.join(', ') ?? 'no role'} does not use it`);
      const missing = acl.operations.filter((operation) => denied.get(topic)?.has(operation));
      if (missing.length > 0) {
        return failed(name, `not permitted: ${missing.join(', ')}`, remedyOf({ ...acl, operations: missing }));
      }
      if (denied.get(topic)?.has('DescribeConfigs') === true) {
        return ok(name, `${acl.operations.join(', ')} permitted; this user may not see its settings (DescribeConfigs)`);
      }
      const state = inspected.find((one) => one.topic === topic);
      return state === undefined ? skipped(name, 'Kafka does not show it') : judgeTopic(name, state, replicationFactor);
    });
  } finally {
    await admin.close();
  }
}

function judgeTopic(name: string, inspected: InspectedTopic, wantedReplicas: number): Finding {
  const { topic, existing, plan, negotiated } = inspected;
  const left = leftOutTexts(topic, negotiated).map((text) => ` ${text.replace(`${topic}: `, '')}`);
  if (existing === null) return judgeMissing(name, inspected, left.join(''));
  const { partitions, replicationFactor: replicas, inSync, config } = existing;
  const size = `${partitionsText(partitions)}, ${replicas === 1 ? '1 replica' : `${replicas} replicas`}`;
  const [refusal] = plan.refusals;
  // The refusals contain the remedy, as in setup.
  if (refusal !== undefined) return failed(name, plan.refusals.join(' '), null);
  const inSyncNeeded = Number(config.get('min.insync.replicas') ?? 1);
  if (inSync < inSyncNeeded) {
    const detail = `${size}, but ${inSync} in sync in a partition that needs ${inSyncNeeded}, so nobody can write to it`;
    return failed(name, detail, 'Start the missing brokers.');
  }
  if (plan.needed.length > 0) return judgeSettings(name, size, inspected);
  if (replicas < wantedReplicas) {
    const detail = `${size}, fewer than REPLICATION_FACTOR ${wantedReplicas}`;
    return warning(name, detail, 'Add replicas with kafka-reassign-partitions: setup does not.');
  }
  if (inSync < replicas)
    return warning(name, `${size}, only ${inSync} in sync in a partition`, 'Start the missing brokers.');
  if (plan.wished.length === 0) return ok(name, `${size}, settings as wanted`);
  // No warning: setup asks for these each time, and many a managed Kafka keeps its own values.
  const wishes = plan.wished.map(
    ({ name: setting, now, wanted }) => `${setting} is ${now ?? 'unset'}, better ${wanted}`,
  );
  return ok(name, `${size}, settings as needed; ${wishes.join(', ')}.${left.join('')}`);
}

/**
 * Settings that differ from the needed ones. A topic with a limit below our largest record refuses some records; the
 * others only weaken a guarantee.
 */
function judgeSettings(name: string, size: string, inspected: InspectedTopic): Finding {
  const { needed } = inspected.plan;
  const changes = `${size}; settings to change: ${needed.map(changeText).join(', ')}`;
  const refused = brokersRefusal(inspected);
  const remedy =
    refused === null
      ? 'Run `queuefold setup`.'
      : `The broker refuses the change (${reason(refused)}). Ask its operator to allow it.`;
  if (needed.some((change) => change.name === LARGEST_MESSAGE)) {
    return failed(name, `${changes}. The fold sends larger records to the dead letters (too-large)`, remedy);
  }
  return warning(name, changes, remedy);
}

const LARGEST_MESSAGE = 'max.message.bytes';

function judgeMissing(name: string, inspected: InspectedTopic, left: string): Finding {
  const { plan, negotiated } = inspected;
  const refused = brokersRefusal(inspected);
  if (plan.create !== null && plan.refusals.length === 0 && refused !== null) {
    const [, why = ''] = refusedCreate({ ...plan.create, config: negotiated.config }, refused).split(/: (.*)/s);
    return failed(name, `does not exist, and ${why}`, null);
  }
  const why = plan.refusals.length === 0 ? '' : `. ${plan.refusals.join(' ')}`;
  return failed(name, `does not exist${why}${left === '' ? '' : `.${left}`}`, 'Run `queuefold setup`.');
}

/** Null also if this user may not ask: only setup needs to. */
function brokersRefusal({ negotiated: { refusal } }: InspectedTopic): Refusal | null {
  return refusal === null || refusal.type.endsWith('_AUTHORIZATION_FAILED') ? null : refusal;
}

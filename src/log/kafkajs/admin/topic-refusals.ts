import { isNamed, type Negotiated } from './topic-negotiation';
import type { SettingChange } from './topic-plan';
import type { NewTopic, Refusal } from './topic-requests';

const MADE_BY_OTHERS =
  'Ask the operator of the broker to allow it, or to create the topic. Setup accepts a topic that has at least what queuefold needs.';
const REMEDIES: Readonly<Record<string, string>> = {
  INVALID_REPLICATION_FACTOR: 'Set REPLICATION_FACTOR to at most the number of brokers.',
  INVALID_PARTITIONS: 'Set PARTITIONS to what the broker allows.',
  TOPIC_AUTHORIZATION_FAILED: 'Allow this user to create and alter the topic (docs/how-to/secure.md).',
  CLUSTER_AUTHORIZATION_FAILED: 'Allow this user to create topics (docs/how-to/secure.md).',
};

/** A sentence for a person with the topic, the setting and the broker's own reason. */
export function refusedCreate({ topic, partitions, replicationFactor, config }: NewTopic, refusal: Refusal): string {
  const about =
    refusal.type === 'INVALID_REPLICATION_FACTOR'
      ? `replication factor ${replicationFactor}`
      : refusal.type === 'INVALID_PARTITIONS'
        ? `${partitions} partitions`
        : settingsIn(config, refusal);
  return `${topic}: the broker refuses to create it with ${about} (${reason(refusal)}). ${remedyOf(refusal)}`;
}

export function refusedAlter(topic: string, config: ReadonlyMap<string, string>, refusal: Refusal): string {
  return `${topic}: the broker refuses ${settingsIn(config, refusal)} (${reason(refusal)}). ${remedyOf(refusal)}`;
}

/** For settings that setup leaves out: everything works without them. */
export function leftOutTexts(topic: string, { left }: Negotiated): readonly string[] {
  return left.map(({ name, wanted, refusal }) =>
    `${topic}: setup leaves out ${name}=${wanted}, which the broker refuses (${reason(refusal)}). ${WITHOUT[name] ?? ''}`.trimEnd(),
  );
}

/** For settings that only improve the topic, before setup asks the broker. */
export function askedForTexts(topic: string, wished: readonly SettingChange[]): readonly string[] {
  return wished.map(
    ({ name, now, wanted }) =>
      `${topic}: setup asks for ${name}=${wanted} instead of ${now ?? 'no value'}. A managed broker may keep its own value.`,
  );
}

export function notKeptText(topic: string, { name, now, wanted }: SettingChange, kind: 'needed' | 'wished'): string {
  const what = `${topic}: ${name} stays ${now ?? 'unset'}: the broker accepts ${wanted} but does not keep it.`;
  return kind === 'needed' ? `${what} ${MADE_BY_OTHERS}` : `${what} ${WITHOUT[name] ?? ''}`.trimEnd();
}

export function reason({ type, message }: Refusal): string {
  return `${type}: ${message.trim().replace(/\.$/, '')}`;
}

/** The effect if a setting keeps the broker's value. */
const WITHOUT: Readonly<Record<string, string>> = {
  'compression.type': 'The broker compresses in its own way, and queuefold reads all codecs.',
  'delete.retention.ms':
    'Kafka keeps tombstones for as long as the broker says. A sink that is down for longer reads everything again.',
  'max.compaction.lag.ms': 'Kafka may compact later, so the topic is larger and a start reads more.',
  'message.timestamp.after.max.ms':
    'Kafka before 3.6 has no such limit. A later one refuses records whose receive time is further ahead than it allows.',
  'min.cleanable.dirty.ratio': 'Kafka compacts later, so the topic is larger and a start reads more.',
  'min.compaction.lag.ms': 'Kafka compacts later, so the topic is larger and a start reads more.',
  'segment.bytes': 'Kafka compacts later, so the topic is larger and a start reads more.',
  'segment.ms': 'Kafka compacts later, so the topic is larger and a start reads more.',
};

function remedyOf({ type }: Refusal): string {
  return REMEDIES[type] ?? MADE_BY_OTHERS;
}

/** The settings that the broker names, else all. */
function settingsIn(config: ReadonlyMap<string, string>, refusal: Refusal): string {
  const all = [...config];
  const named = all.filter(([name]) => isNamed(name, refusal));
  return (named.length > 0 ? named : all).map(([name, value]) => `${name}=${value}`).join(', ');
}

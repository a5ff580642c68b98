import type { TopicDefinition } from '../../topics';
import type { NewTopic } from './topic-requests';

export interface ExistingTopic {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** The fewest in-sync replicas of any partition; 0 if a partition has no leader. */
  readonly inSync: number;
  /** Every setting in force. */
  readonly config: ReadonlyMap<string, string>;
  /** The names of the settings made on this topic itself. */
  readonly own: ReadonlySet<string>;
}

/** A setting that differs from the wanted value. */
export interface SettingChange {
  readonly name: string;
  /** Undefined: the broker has no such setting. */
  readonly now: string | undefined;
  readonly wanted: string;
}

export interface TopicPlan {
  readonly create: NewTopic | null;
  /** Changes that an existing topic must get. */
  readonly needed: readonly SettingChange[];
  /** Changes that would only improve an existing topic. */
  readonly wished: readonly SettingChange[];
  /** Why setup may change nothing, with the remedy. */
  readonly refusals: readonly string[];
}

/** A larger value than ours is fine: somebody has reasons. −1: no limit. */
const AT_LEAST = new Set([
  'retention.ms',
  'retention.bytes',
  'delete.retention.ms',
  'max.message.bytes',
  'min.insync.replicas',
  'message.timestamp.after.max.ms',
]);
/** A smaller value than ours is fine: compaction comes sooner. */
const AT_MOST = new Set(['min.cleanable.dirty.ratio', 'segment.ms', 'segment.bytes', 'max.compaction.lag.ms']);
/** 292 years in ms: brokers that count in nanoseconds allow no more. */
const FOR_EVER = 9_223_372_036_854;

/** The changes that one topic needs, and whether they are allowed. Pure. */
export function planTopic(
  { topic, config, optional, partitions: fixed }: TopicDefinition,
  existing: ExistingTopic | null,
  sizes: { readonly partitions: number; readonly replicationFactor: number },
): TopicPlan {
  const { replicationFactor } = sizes;
  const partitions = fixed ?? sizes.partitions;
  const refusals: string[] = [];
  const replicas = existing?.replicationFactor ?? replicationFactor;
  const inSync = Number(config['min.insync.replicas'] ?? 1);
  if (inSync > replicas) {
    refusals.push(
      `${topic}: min.insync.replicas ${inSync} needs as many replicas, but its replication factor is ${replicas}, so ` +
        'nobody could write to it. If you have a single broker, set REPLICATION_FACTOR=1. Otherwise give the topic more replicas.',
    );
  }
  if (existing === null) {
    const create = { topic, partitions, replicationFactor, config: new Map(Object.entries(config)) };
    return { create, needed: [], wished: [], refusals };
  }
  if (existing.partitions !== partitions) {
    const remedy =
      fixed === undefined
        ? 'Another count would send keys to other partitions than before. ' +
          `Set PARTITIONS=${existing.partitions}, or use a new TOPIC_PREFIX with ${partitions} partitions ("More partitions" in docs/how-to/scale.md).`
        : 'Delete it and run setup again: the pipeline fills it again.';
    refusals.push(`${topic} has ${partitionsText(existing.partitions)}, not ${partitions}. ${remedy}`);
  }
  const needed: SettingChange[] = [];
  const wished: SettingChange[] = [];
  for (const [name, wanted] of Object.entries(config)) {
    const now = existing.config.get(name);
    if (isFine(name, now, wanted, existing.own)) continue;
    if (name === 'cleanup.policy' && now !== undefined) refusals.push(otherPolicy(topic, now, wanted));
    const change = { name, now, wanted };
    if (!optional.has(name)) needed.push(change);
    // If a broker has no such setting, a request does not create it.
    else if (now !== undefined) wished.push(change);
  }
  return { create: null, needed, wished, refusals };
}

function isFine(name: string, now: string | undefined, wanted: string, own: ReadonlySet<string>): boolean {
  if (now === undefined) return false;
  if (now === wanted) return true;
  // Somebody chose this value for the topic, and we read every codec.
  if (name === 'compression.type') return own.has(name);
  const [has, wants] = [limit(now), limit(wanted)];
  if (AT_LEAST.has(name)) return has >= wants;
  if (AT_MOST.has(name) && wants !== Infinity) return has <= wants;
  return has === wants;
}

function otherPolicy(topic: string, now: string, wanted: string): string {
  return (
    `${topic}: cleanup.policy is ${now}, not ${wanted}, and a change deletes records. If you do not need them, run ` +
    `kafka-configs --alter --topic ${topic} --add-config cleanup.policy=${wanted}. Otherwise use a new TOPIC_PREFIX.`
  );
}

/** A sentence for a person, like the others. */
export function createdText({ topic, partitions, replicationFactor, config }: NewTopic): string {
  const list = [...config].map(([name, value]) => `${name}=${value}`).join(', ');
  return `created topic ${topic} with ${partitionsText(partitions)}, replication factor ${replicationFactor}, ${list}`;
}

export function changeText({ name, now, wanted }: SettingChange): string {
  return `${name} from ${now ?? 'unset'} to ${wanted}`;
}

export function partitionsText(count: number): string {
  return count === 1 ? '1 partition' : `${count} partitions`;
}

/** NaN, which equals nothing, if the value is no number. */
function limit(value: string): number {
  const number = Number(value);
  return number < 0 || number >= FOR_EVER ? Infinity : number;
}

import type { TopicDefinition } from '../topics';

export interface ExistingTopic {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** The fewest replicas in sync that a partition has; 0 where one has no leader. */
  readonly inSync: number;
  /** Every setting in force. */
  readonly config: ReadonlyMap<string, string>;
  /** The names of those that were set on this topic. */
  readonly own: ReadonlySet<string>;
}

export interface TopicPlan {
  readonly create: {
    readonly topic: string;
    readonly partitions: number;
    readonly replicationFactor: number;
    readonly config: ReadonlyMap<string, string>;
  } | null;
  /** All of the topic's own settings: kafkajs has only AlterConfigs, which resets what is not named. */
  readonly alter: { readonly topic: string; readonly config: ReadonlyMap<string, string> } | null;
  /** For a person. */
  readonly changes: readonly string[];
  /** Why nothing may be done, with the remedy. */
  readonly refusals: readonly string[];
}

/** Settings that may be raised but not lowered: less would delete records, or refuse some that were allowed. −1: no limit. */
const NEVER_LOWERED = new Set(['retention.ms', 'retention.bytes', 'delete.retention.ms', 'max.message.bytes']);

/** What has to be done to one topic, and whether it may be. Pure. */
export function planTopic(
  { topic, config, partitions: fixed }: TopicDefinition,
  existing: ExistingTopic | null,
  sizes: { readonly partitions: number; readonly replicationFactor: number },
): TopicPlan {
  const { replicationFactor } = sizes;
  const partitions = fixed ?? sizes.partitions;
  const refusals: string[] = [];
  const replicas = existing?.replicationFactor ?? replicationFactor;
  const needed = Number(config['min.insync.replicas'] ?? 1);
  if (needed > replicas) {
    refusals.push(
      `${topic}: min.insync.replicas ${needed} needs as many replicas, but its replication factor is ${replicas}: ` +
        `nothing could be written. Lower the one or raise the other.`,
    );
  }
  if (existing === null) {
    const wanted = new Map(Object.entries(config));
    const list = [...wanted].map(([name, value]) => `${name}=${value}`).join(', ');
    const change = `created topic ${topic} with ${partitionsText(partitions)}, replication factor ${replicationFactor}, ${list}`;
    const create = { topic, partitions, replicationFactor, config: wanted };
    return { create, alter: null, changes: [change], refusals };
  }
  if (existing.partitions !== partitions) {
    const remedy =
      fixed === undefined
        ? 'Another count would send keys to other partitions than before. ' +
          `Use a new TOPIC_PREFIX with ${partitions} partitions and replay, or keep ${existing.partitions}.`
        : 'Delete it and run setup again: it is filled anew.';
    refusals.push(`${topic} has ${partitionsText(existing.partitions)}, not ${partitions}. ${remedy}`);
  }
  const own = new Map<string, string>();
  for (const name of existing.own) own.set(name, existing.config.get(name) ?? '');
  const changes: string[] = [];
  for (const [name, wanted] of Object.entries(config)) {
    const now = existing.config.get(name);
    if (now === wanted) continue;
    const refusal = now === undefined ? null : whyNot(topic, name, now, wanted);
    if (refusal !== null) refusals.push(refusal);
    changes.push(`changed ${topic}: ${name} from ${now ?? 'unset'} to ${wanted}`);
    own.set(name, wanted);
  }
  return { create: null, alter: changes.length === 0 ? null : { topic, config: own }, changes, refusals };
}

function whyNot(topic: string, name: string, now: string, wanted: string): string | null {
  const byHand = `kafka-configs --alter --topic ${topic} --add-config ${name}=${wanted}`;
  if (name === 'cleanup.policy') {
    return (
      `${topic}: cleanup.policy is ${now}, not ${wanted}; changing it deletes records. ` +
      `If they may go: ${byHand}; else use a new TOPIC_PREFIX.`
    );
  }
  if (!NEVER_LOWERED.has(name) || limit(wanted) >= limit(now)) return null;
  return `${topic}: ${name} is ${now}, more than ${wanted}; lowering it would lose records. If they may go: ${byHand}`;
}

export function partitionsText(count: number): string {
  return count === 1 ? '1 partition' : `${count} partitions`;
}

function limit(value: string): number {
  const number = Number(value);
  return number < 0 ? Infinity : number;
}

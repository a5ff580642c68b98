/** The topics and groups of one `TOPIC_PREFIX`, and the configuration of each topic: all in this place. */
export interface TopicNames {
  readonly prefix: string;
  readonly events: string;
  readonly state: string;
  /** The outcome of each visit to a queue. */
  readonly visits: string;
  readonly changelog: string;
  readonly deadLetters: string;
  /** Names of queues, users and skills. */
  readonly names: string;
  /** The consumer group of the fold; the prefix of its transactional ids. */
  readonly foldGroup: string;
  /** The consumer group of the sink. */
  readonly sinkGroup: string;
  /** The consumer group of the sink's visits. */
  readonly visitSinkGroup: string;
  /** The consumer group of `queuefold rebuild`. */
  readonly rebuildGroup: string;
  readonly visitRebuildGroup: string;
}

/** @param prefix `TOPIC_PREFIX`, e.g. `genesys` */
export function topicNames(prefix: string): TopicNames {
  return {
    prefix,
    events: `${prefix}.conversation.events.v1`,
    state: `${prefix}.queue-conversation.v1`,
    visits: `${prefix}.queue-visit.v1`,
    changelog: `${prefix}.queue-conversation.changelog.v1`,
    deadLetters: `${prefix}.dead-letters.v1`,
    names: `${prefix}.names.v1`,
    foldGroup: `${prefix}-fold`,
    sinkGroup: `${prefix}-sink`,
    visitSinkGroup: `${prefix}-sink-visits`,
    rebuildGroup: `${prefix}-sink-rebuild`,
    visitRebuildGroup: `${prefix}-sink-rebuild-visits`,
  };
}

/** The subject of a topic's values in the schema registry (TopicNameStrategy). */
export function valueSubject(topic: string): string {
  return `${topic}-value`;
}

export type TopicUse = 'live' | 'replay';

export interface TopicDefinition {
  readonly topic: string;
  readonly config: Readonly<Record<string, string>>;
  /** The settings that only improve matters: without them everything works, but more slowly or with larger topics. */
  readonly optional: ReadonlySet<string>;
  /** Absent: `PARTITIONS`. */
  readonly partitions?: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1024 * 1024;

/**
 * `max.message.bytes` of every topic; Kafka's default is 1 MiB. Larger records went to the dead letters before
 * (`too-large`): snapshots and states by `LIMIT_SNAPSHOT_BYTES`, rows by the actual limit of their topic.
 */
export const LARGEST_RECORD_BYTES = 8 * MIB;

/** 292 years, in ms: the most that Redpanda accepts, because it counts in nanoseconds. */
const NO_LIMIT = '9223372036854';

const RETAINED: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': String(7 * DAY_MS),
};

/** A reader that is behind for longer may miss the deletion of a key. */
export const TOMBSTONE_RETENTION_MS = DAY_MS;

const COMPACTED: Readonly<Record<string, string>> = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0.1',
  // Kafka never compacts the active segment, so it has to roll.
  'segment.ms': String(HOUR_MS),
  'segment.bytes': String(64 * MIB),
  'delete.retention.ms': String(TOMBSTONE_RETENTION_MS),
  'min.compaction.lag.ms': '0',
  'max.compaction.lag.ms': String(DAY_MS),
  // State records carry receive times, and a recording from the future puts these ahead of the broker's clock.
  'message.timestamp.after.max.ms': NO_LIMIT,
};

/** The settings that a broker may refuse, or keep at its own value. */
const OPTIONAL: ReadonlySet<string> = new Set([
  'compression.type',
  'delete.retention.ms',
  'max.compaction.lag.ms',
  'message.timestamp.after.max.ms',
  'min.cleanable.dirty.ratio',
  'min.compaction.lag.ms',
  'segment.bytes',
  'segment.ms',
]);

/** Keeps the last version of each visit for as long as its events. */
const VISITS: Readonly<Record<string, string>> = {
  'cleanup.policy': 'compact,delete',
  'retention.ms': String(7 * DAY_MS),
};

export const NAMES_PARTITIONS = 1;

/** Records keep the receive times of old events, so every lag would find them old enough at once. */
const NOT_COMPACTED_YET: Readonly<Record<string, string>> = {
  'min.compaction.lag.ms': NO_LIMIT,
  'max.compaction.lag.ms': NO_LIMIT,
};

const NOT_DELETED_YET: Readonly<Record<string, string>> = { ...NOT_COMPACTED_YET, 'retention.ms': '-1' };

/**
 * @param minInsyncReplicas 2 in production, 1 with a replication factor of 1
 * @param use `replay`: none of the state topic's records may be compacted away until it has been read; and it has no
 * names
 */
export function topicDefinitions(
  names: TopicNames,
  minInsyncReplicas: number,
  use: TopicUse = 'live',
): readonly TopicDefinition[] {
  const common = {
    'max.message.bytes': String(LARGEST_RECORD_BYTES),
    'min.insync.replicas': String(minInsyncReplicas),
    // Records stay as written, whatever the broker's default is: to compress them again costs the broker's CPU.
    'compression.type': 'producer',
  };
  const live: readonly TopicDefinition[] = [
    // A few records, which readers read as a whole.
    { topic: names.names, config: { ...COMPACTED, ...common }, optional: OPTIONAL, partitions: NAMES_PARTITIONS },
  ];
  const optional = OPTIONAL;
  const withoutLags = new Set([...OPTIONAL].filter((name) => !(name in NOT_COMPACTED_YET)));
  const state = { ...COMPACTED, ...common, ...(use === 'replay' ? NOT_COMPACTED_YET : {}) };
  const visits = { ...COMPACTED, ...VISITS, ...common, ...(use === 'replay' ? NOT_DELETED_YET : {}) };
  return [
    { topic: names.events, config: { ...RETAINED, ...common }, optional },
    { topic: names.state, config: state, optional: use === 'replay' ? withoutLags : optional },
    { topic: names.visits, config: visits, optional: use === 'replay' ? withoutLags : optional },
    { topic: names.changelog, config: { ...COMPACTED, ...common }, optional },
    { topic: names.deadLetters, config: { ...RETAINED, ...common }, optional },
    ...(use === 'live' ? live : []),
  ];
}

/** The topics and groups of one `TOPIC_PREFIX` and how each topic is configured: the one place for it. */
export interface TopicNames {
  readonly prefix: string;
  readonly events: string;
  readonly state: string;
  /** What became of each visit to a queue. */
  readonly visits: string;
  readonly changelog: string;
  readonly deadLetters: string;
  /** Names of queues, users and skills. */
  readonly names: string;
  /** The consumer group of the fold; its transactional ids begin with it. */
  readonly foldGroup: string;
  /** The consumer group of the sink. */
  readonly sinkGroup: string;
  /** Of the sink, for the visits. */
  readonly visitSinkGroup: string;
  /** Of `queuefold rebuild`. */
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
  /** The names of the settings that only improve matters: without them all is right, but slower or larger. */
  readonly optional: ReadonlySet<string>;
  /** Absent: `PARTITIONS`. */
  readonly partitions?: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1024 * 1024;

/**
 * `max.message.bytes` of every topic, where Kafka's default is 1 MiB. What is larger was dead-lettered before
 * (`too-large`): snapshots and states by `LIMIT_SNAPSHOT_BYTES`, rows by the limit that their topic really has.
 */
export const LARGEST_RECORD_BYTES = 8 * MIB;

/** 292 years, ms: the most that Redpanda takes, which counts in nanoseconds. */
const NO_LIMIT = '9223372036854';

const RETAINED: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': String(7 * DAY_MS),
};

/** A reader that is behind for longer may miss that a key was deleted. */
export const TOMBSTONE_RETENTION_MS = DAY_MS;

const COMPACTED: Readonly<Record<string, string>> = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0.1',
  // The active segment is never compacted: it has to roll.
  'segment.ms': String(HOUR_MS),
  'segment.bytes': String(64 * MIB),
  'delete.retention.ms': String(TOMBSTONE_RETENTION_MS),
  'min.compaction.lag.ms': '0',
  'max.compaction.lag.ms': String(DAY_MS),
  // State records carry receive times, which a recording from the future puts ahead of the broker's clock.
  'message.timestamp.after.max.ms': NO_LIMIT,
};

/** What a broker may refuse or keep at its own value. */
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

/** The last version of each visit, for as long as the events that it follows from. */
const VISITS: Readonly<Record<string, string>> = {
  'cleanup.policy': 'compact,delete',
  'retention.ms': String(7 * DAY_MS),
};

export const NAMES_PARTITIONS = 1;

/** Records keep the receive times of old events, which every lag would find old enough at once. */
const NOT_COMPACTED_YET: Readonly<Record<string, string>> = {
  'min.compaction.lag.ms': NO_LIMIT,
  'max.compaction.lag.ms': NO_LIMIT,
};

const NOT_DELETED_YET: Readonly<Record<string, string>> = { ...NOT_COMPACTED_YET, 'retention.ms': '-1' };

/**
 * @param minInsyncReplicas 2 in production, 1 where the replication factor is 1
 * @param use `replay`: until the state topic has been read, none of its records may be compacted away; and it has no names
 */
export function topicDefinitions(
  names: TopicNames,
  minInsyncReplicas: number,
  use: TopicUse = 'live',
): readonly TopicDefinition[] {
  const common = {
    'max.message.bytes': String(LARGEST_RECORD_BYTES),
    'min.insync.replicas': String(minInsyncReplicas),
    // Records stay as they were written, whatever the broker's default is: compressing them again costs its CPU.
    'compression.type': 'producer',
  };
  const live: readonly TopicDefinition[] = [
    // A few records that are read as a whole.
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

import { topicDefinitions, topicNames, type TopicDefinition, type TopicNames } from '../src/log/topics';

const NAMES = topicNames('genesys');

type Topic = Exclude<keyof TopicNames, 'prefix' | `${string}Group`>;

/** Of every topic. The compiler knows whether one is missing. */
const ABOUT: Readonly<Record<Topic, { readonly what: string; readonly key: string; readonly schema: string }>> = {
  events: { what: 'minimized snapshots of conversations', key: 'conversation id', schema: 'conversation-event' },
  state: { what: 'the table: rows and tombstones', key: 'conversation id', schema: 'queue-conversation' },
  visits: {
    what: 'visits to queues, the last version of each',
    key: 'conversation id/participant id',
    schema: 'queue-visit',
  },
  changelog: { what: "the fold's own state; only the fold reads it", key: 'conversation id', schema: 'fold-state' },
  deadLetters: {
    what: 'inputs and records that queuefold could not read or store',
    key: 'the key of the record, if it had one',
    schema: '',
  },
  names: { what: 'names of queues, skills and users', key: 'kind and id', schema: 'name' },
};

const GROUPS: readonly (readonly [string, string])[] = [
  [NAMES.foldGroup, 'consumer group of the folds'],
  [`${NAMES.foldGroup}-…`, 'transactional ids of the folds, one for each partition of the events topic'],
  [NAMES.sinkGroup, 'consumer group of the sinks'],
  [NAMES.visitSinkGroup, 'consumer group of the sinks, for visits'],
  [NAMES.rebuildGroup, 'consumer group of `queuefold rebuild`'],
  [NAMES.visitRebuildGroup, 'consumer group of `queuefold rebuild`, for visits'],
];

const INTRODUCTION = `# Topics

\`npm run docs\` writes this page from \`src/log/topics.ts\`; do not edit it. The names are those of
\`TOPIC_PREFIX=genesys\`.

Values are Avro in Confluent's wire format. The subject of a topic in the schema registry is its name with \`-value\`.
Dead letters are the exception: their value is the input without anything that may be personal.
`;

const HEADERS = `## Headers

Records of the events, state and visits topics carry the headers of CloudEvents 1.0.

| header | value |
|---|---|
| \`ce_type\` | what the record is, for instance \`queuefold.queue-conversation.row\` |
| \`ce_source\` | the role that wrote it, for instance \`queuefold/fold\` |
| \`ce_id\` | unique within the source |
| \`ce_time\` | the receive time of the event that caused it |
| \`traceparent\` | the trace that it belongs to (W3C) |

A tombstone of the state topic has \`ce_type=queuefold.queue-conversation.tombstone\` when the conversation ended, and
\`ce_type=queuefold.queue-conversation.erased\` when an operator erased it.
`;

/** docs/reference/topics.md: every topic and group with its settings. */
export function topicsPage(): string {
  const definitions = topicDefinitions(NAMES, 2);
  const topics = (Object.keys(ABOUT) as Topic[]).map((topic) => {
    const { what, key, schema } = ABOUT[topic];
    const file = schema === '' ? '–' : `[${schema}.avsc](../../schemas/avro/${schema}.avsc)`;
    return `| \`${NAMES[topic]}\` | ${what} | ${key} | ${file} |`;
  });
  return [
    INTRODUCTION,
    `| topic | holds | key | schema |\n|---|---|---|---|\n${topics.join('\n')}\n`,
    HEADERS,
    `## Groups and transactional ids\n\n| name | of |\n|---|---|\n${GROUPS.map(([name, of]) => `| \`${name}\` | ${of} |`).join('\n')}\n`,
    settingsOf(definitions),
  ].join('\n');
}

function settingsOf(definitions: readonly TopicDefinition[]): string {
  const shared = (key: string) => definitions.every(({ config }) => config[key] === definitions[0]?.config[key]);
  const sections = definitions.map(({ topic, config, partitions }) => {
    const own = Object.entries(config).filter(([key]) => !shared(key));
    const rows = own.map(([key, value]) => `| \`${key}\` | ${value} |`);
    return `### \`${topic}\`\n\nPartitions: ${partitions ?? '`PARTITIONS`'}.\n\n| setting | value |\n|---|---|\n${rows.join('\n')}\n`;
  });
  const common = Object.entries(definitions[0]?.config ?? {}).filter(([key]) => shared(key));
  const optional = [...(definitions[0]?.optional ?? [])].map((key) => `- \`${key}\``).join('\n');
  return `## Settings of the topics

\`queuefold setup\` creates the topics with these settings. Times are milliseconds, sizes are bytes.

| setting of every topic | value |
|---|---|
${common.map(([key, value]) => `| \`${key}\` | ${value} |`).join('\n')}

\`min.insync.replicas\` is 1 where \`REPLICATION_FACTOR\` is 1. \`setup\` leaves out these settings, with a note, if the
broker refuses them:

${optional}

${sections.join('\n')}`;
}

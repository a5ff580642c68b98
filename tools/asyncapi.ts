import { stringify } from 'yaml';
import { ERASED_TYPE, ERASED_VISIT_TYPE, type CloudEvent } from '../src/log/records/headers';
import { topicDefinitions, topicNames, type TopicNames } from '../src/log/topics';

/** schemas/asyncapi.yaml: what consumers of the topics meet. The fold's changelog is private, so it is not in it. */

const NAMES = topicNames('{prefix}');

type PublicTopic = Exclude<keyof TopicNames, 'prefix' | 'changelog' | `${string}Group`>;

interface Message {
  readonly name: string;
  readonly summary: string;
  /** A file under schemas/avro; null: a tombstone, a record without a value. */
  readonly schema: string | null;
  /** Absent: the record has no headers of CloudEvents. */
  readonly type?: CloudEvent['type'];
}

interface Channel {
  readonly description: string;
  readonly key: string;
  readonly messages: readonly Message[];
}

const CONVERSATION_KEY = 'The conversation id.';

/** The compiler knows whether a topic is missing. */
const CHANNELS: Readonly<Record<PublicTopic, Channel>> = {
  state: {
    description:
      'The table queue_conversation. Read it from the beginning, read_committed, into a map by key: the map is the table. ' +
      'Before the tombstone of a conversation that ended comes its closing row, with the last state.',
    key: CONVERSATION_KEY,
    messages: [
      {
        name: 'row',
        summary: 'The conversation as it is now. It replaces the older version.',
        schema: 'queue-conversation',
        type: 'queuefold.queue-conversation.row',
      },
      {
        name: 'tombstone',
        summary: 'The conversation has ended: remove its row.',
        schema: null,
        type: 'queuefold.queue-conversation.tombstone',
      },
      {
        name: 'erased',
        summary: 'An operator erased the conversation: remove its row and everything that you keep of it.',
        schema: null,
        type: ERASED_TYPE,
      },
    ],
  },
  visits: {
    description: 'The table queue_visit: each visit to a queue and its outcome. The last version of a visit counts.',
    key: 'conversation_id/participant_id, with % and / within an id percent-encoded.',
    messages: [
      { name: 'visit', summary: 'A version of a visit.', schema: 'queue-visit', type: 'queuefold.queue-visit' },
      {
        name: 'erasedVisit',
        summary: 'An operator erased the conversation: remove the visit and everything that you keep of it.',
        schema: null,
        type: ERASED_VISIT_TYPE,
      },
    ],
  },
  events: {
    description:
      'Minimized snapshots of conversations, as Genesys sent them. Their order is not guaranteed, and there are duplicates.',
    key: CONVERSATION_KEY,
    messages: [
      {
        name: 'event',
        summary: 'A snapshot, or the news that Genesys no longer has the conversation.',
        schema: 'conversation-event',
        type: 'queuefold.conversation.event',
      },
    ],
  },
  names: {
    description: 'Names of queues and skills, and of users if the operator wants them.',
    key: 'The kind and the id.',
    messages: [
      { name: 'name', summary: 'The name as it is now.', schema: 'name' },
      { name: 'forgottenName', summary: 'The name is forgotten.', schema: null },
    ],
  },
  deadLetters: {
    description:
      'Inputs and records that could not be read, with reason and origin in headers. They are not Avro and contain nothing personal.',
    key: 'That of the record, if it had one.',
    messages: [],
  },
};

const HEADERS = {
  type: 'object',
  required: ['ce_specversion', 'ce_id', 'ce_source', 'ce_type', 'ce_time', 'content-type'],
  properties: {
    ce_specversion: { const: '1.0' },
    ce_id: { type: 'string', description: 'Unique within the source.' },
    ce_source: { type: 'string', description: 'The role that wrote the record.' },
    ce_time: { type: 'string', format: 'date-time', description: 'Receive time of the event that caused the record.' },
    'content-type': { const: 'application/avro' },
    traceparent: { type: 'string', description: 'The trace that the record belongs to (W3C). Absent: none.' },
  },
};

const INTRODUCTION = `The topics of queuefold, by which the tables of Genesys Cloud's queue conversations can be read.
Values are Avro in Confluent's wire format: a zero byte, the id of the schema in the registry (4 bytes, big-endian), Avro.
The subject of a topic's values is its name with "-value". Schemas change compatibly (FULL_TRANSITIVE).
Times are in milliseconds, UTC. Read with isolation.level=read_committed.`;

/** @param version of queuefold */
export function asyncApi(version: string): string {
  const definitions = new Map(topicDefinitions(NAMES, 2).map((definition) => [definition.topic, definition]));
  const entries = Object.entries(CHANNELS) as [PublicTopic, Channel][];
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'queuefold',
      version,
      description: INTRODUCTION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/avro',
    channels: Object.fromEntries(
      entries.map(([id, { description, messages }]) => [
        id,
        {
          address: NAMES[id],
          description,
          parameters: { prefix: { description: 'TOPIC_PREFIX of the pipeline.', default: 'genesys' } },
          messages: Object.fromEntries(
            (messages.length === 0 ? ['deadLetter'] : messages.map(({ name }) => name)).map((name) => [
              name,
              { $ref: `#/components/messages/${name}` },
            ]),
          ),
          bindings: { kafka: { topicConfiguration: configurationOf(definitions.get(NAMES[id])?.config ?? {}) } },
        },
      ]),
    ),
    operations: Object.fromEntries(
      entries.map(([id, { description }]) => [
        `consume${id.charAt(0).toUpperCase()}${id.slice(1)}`,
        { action: 'receive', channel: { $ref: `#/channels/${id}` }, summary: description.split('. ')[0] },
      ]),
    ),
    components: {
      messages: Object.fromEntries<object>([
        ...entries.flatMap(([, { key, messages }]) => messages.map((one) => [one.name, messageOf(one, key)] as const)),
        ['deadLetter', deadLetter()] as const,
      ]),
    },
  };
  const comment = ' `npm run docs` writes this file from src/log; do not edit it.';
  return `#${comment}\n${stringify(document, { lineWidth: 110, aliasDuplicateObjects: false })}`;
}

function messageOf({ name, summary, schema, type }: Message, key: string) {
  return {
    name,
    summary,
    ...(type === undefined
      ? {}
      : { headers: { ...HEADERS, properties: { ...HEADERS.properties, ce_type: { const: type } } } }),
    payload:
      schema === null
        ? { type: 'null', description: 'A tombstone: the record has no value.' }
        : { schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: { $ref: `./avro/${schema}.avsc` } },
    bindings: { kafka: { key: { type: 'string', description: key } } },
  };
}

function deadLetter() {
  return {
    name: 'deadLetter',
    summary: 'An input or a record that could not be read.',
    contentType: 'application/octet-stream',
    payload: { type: 'string', description: 'The input without anything that may be personal; cut at 64 KB.' },
    bindings: { kafka: { key: { type: 'string', description: CHANNELS.deadLetters.key } } },
  };
}

/** The settings that AsyncAPI's binding knows. */
function configurationOf(config: Readonly<Record<string, string>>): Record<string, unknown> {
  const numbers = ['retention.ms', 'delete.retention.ms', 'max.message.bytes'].flatMap((name) =>
    config[name] === undefined ? [] : [[name, Number(config[name])] as const],
  );
  return { 'cleanup.policy': config['cleanup.policy']?.split(','), ...Object.fromEntries(numbers) };
}

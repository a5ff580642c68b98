import type { Schema } from 'avsc';
import type { Name } from '../../common';
import type {
  ConversationEvent,
  ConversationState,
  EndedConversation,
  OpenConversation,
  QueueConversation,
  QueueVisit,
  StateHead,
} from '../../conversation';
import type { Checkpoint } from '../port';
import { valueSubject, type TopicNames } from '../topics';
import type { SchemaSource } from './schema-source';
import { loadSchema } from './schemas';
import { createValueCodec, createValueReader, type Decoded, type ValueCodec, type ValueReader } from './value-codec';

/** The changelog's record under the reserved key. */
export interface FoldCheckpoint extends Checkpoint {
  /** The latest receive time of the folded events, epoch ms. */
  readonly receivedAt: number | null;
}

/** No conversation has an empty id, so its key is free. */
export const CHECKPOINT_KEY = '';

/** The value of a changelog record. */
export type ChangelogValue =
  | { readonly state: ConversationState; readonly checkpoint: null }
  | { readonly state: null; readonly checkpoint: FoldCheckpoint };

interface FoldStateRecord {
  readonly open: Omit<OpenConversation, 'kind'> | null;
  readonly ended: Omit<EndedConversation, 'kind'> | null;
  readonly checkpoint: FoldCheckpoint | null;
}

interface NameRecord extends Omit<Name, 'goneSince'> {
  readonly gone_since: number | null;
}

export function createEventCodec(schemas: SchemaSource, topics: TopicNames): Promise<ValueCodec<ConversationEvent>> {
  return createValueCodec({ schemas, ...asItIs<ConversationEvent>(topics.events, 'conversation-event') });
}

/** The fold's reader of events: it skips the field that the fold does not use (`source`). */
export function createEventReader(schemas: SchemaSource, topics: TopicNames): Promise<ValueCodec<ConversationEvent>> {
  const event = asItIs<ConversationEvent>(topics.events, 'conversation-event');
  const full = JSON.parse(event.schema.text) as { fields: { name: string }[] };
  const part = { ...full, fields: full.fields.filter((field) => field.name !== 'source') };
  return createValueCodec({ schemas, ...event, part: part as unknown as Schema });
}

export function createRowCodec(schemas: SchemaSource, topics: TopicNames): Promise<ValueCodec<QueueConversation>> {
  return createValueCodec({ schemas, ...asItIs<QueueConversation>(topics.state, 'queue-conversation') });
}

export function createVisitCodec(schemas: SchemaSource, topics: TopicNames): Promise<ValueCodec<QueueVisit>> {
  return createValueCodec({ schemas, ...asItIs<QueueVisit>(topics.visits, 'queue-visit') });
}

/** Values that are the same in Avro and in the program. */
function asItIs<T extends object>(topic: string, name: Parameters<typeof loadSchema>[0]) {
  return {
    subject: valueSubject(topic),
    schema: loadSchema(name),
    toAvro: (value: T): object => value,
    fromAvro: (decoded: unknown): T => decoded as T,
  };
}

/** For readers of the table only: it asks the registry only for the schemas that records name. */
export function createRowReader(schemas: Pick<SchemaSource, 'writerOf'>): ValueReader<QueueConversation> {
  const schema = loadSchema('queue-conversation');
  return createValueReader({ schemas, schema, fromAvro: (decoded) => decoded as QueueConversation });
}

/** The same for visits. */
export function createVisitReader(schemas: Pick<SchemaSource, 'writerOf'>): ValueReader<QueueVisit> {
  const schema = loadSchema('queue-visit');
  return createValueReader({ schemas, schema, fromAvro: (decoded) => decoded as QueueVisit });
}

function nameFromAvro(decoded: unknown): Name {
  const { kind, id, name, gone_since: goneSince } = decoded as NameRecord;
  return { kind, id, name, goneSince };
}

/** The same for names. */
export function createNameReader(schemas: Pick<SchemaSource, 'writerOf'>): ValueReader<Name> {
  return createValueReader({ schemas, schema: loadSchema('name'), fromAvro: nameFromAvro });
}

export function createNameCodec(schemas: SchemaSource, topics: TopicNames): Promise<ValueCodec<Name>> {
  return createValueCodec<Name>({
    schemas,
    subject: valueSubject(topics.names),
    schema: loadSchema('name'),
    toAvro: ({ kind, id, name, goneSince }) => ({ kind, id, name, gone_since: goneSince }),
    fromAvro: nameFromAvro,
  });
}

/** Also reads heads, at a fraction of the cost of whole states. */
export interface ChangelogCodec extends ValueCodec<ChangelogValue> {
  headOf(bytes: Buffer): Decoded<StateHead>;
}

/** Nearly all bytes of a state: a restore reads the head of each, and the rest of few. */
const SKIPPED_FOR_HEADS: ReadonlySet<string> = new Set(['participants', 'recent']);

export async function createChangelogCodec(schemas: SchemaSource, topics: TopicNames): Promise<ChangelogCodec> {
  const schema = loadSchema('fold-state');
  const codec = await createValueCodec<ChangelogValue>({
    schemas,
    subject: valueSubject(topics.changelog),
    schema,
    sized: SKIPPED_FOR_HEADS,
    toAvro: ({ state, checkpoint }) => ({
      open: state?.kind === 'open' ? state : null,
      ended: state?.kind === 'ended' ? state : null,
      checkpoint,
    }),
    fromAvro: (decoded) => {
      const { open, ended, checkpoint } = decoded as FoldStateRecord;
      if (open !== null) return { state: openOf(open), checkpoint: null };
      if (ended !== null) return { state: { kind: 'ended', ...ended }, checkpoint: null };
      if (checkpoint !== null) return { state: null, checkpoint };
      throw new Error('an empty FoldState');
    },
  });
  const heads = createValueReader<StateHead>({
    schemas,
    schema,
    part: headSchema(schema.text),
    fromAvro: (decoded) => {
      const { open, ended } = decoded as HeadRecord;
      if (open !== null)
        return { kind: 'open', lastReceivedAt: open.lastReceivedAt, endedAt: open.endedAt, row: open.row };
      if (ended !== null) return { kind: 'ended', endedAt: ended.endedAt, erased: ended.erased };
      throw new Error('no state');
    },
  });
  await heads.learn(codec.writer.id);
  return {
    ...codec,
    headOf: heads.decode,
    prepare: (values) => {
      const all = [...values];
      const [wholes, parts] = [codec.prepare(all), heads.prepare(all)];
      return wholes === null && parts === null ? null : Promise.all([wholes, parts]).then(() => undefined);
    },
  };
}

/** Written out, in the order that the fold itself uses: copying with `...` costs as much as a tenth of the decoding. */
function openOf(open: Omit<OpenConversation, 'kind'>): OpenConversation {
  const { participants, recent, lastReceivedAt, endedAt, row, endedBefore } = open;
  return { kind: 'open', participants, recent, lastReceivedAt, endedAt, row, endedBefore };
}

type HeadOf<T, K extends string> = Omit<Extract<T, { readonly kind: K }>, 'kind'> | null;

interface HeadRecord {
  readonly open: HeadOf<StateHead, 'open'>;
  readonly ended: HeadOf<StateHead, 'ended'>;
}

interface JsonRecord {
  readonly name: string;
  readonly fields: readonly { readonly name: string; readonly type: unknown }[];
}

/** The fields of `StateHead` in FoldState; Avro's resolution skips all others. */
function headSchema(text: string): Schema {
  const whole = JSON.parse(text) as JsonRecord;
  const nullOr = (record: JsonRecord, name: string, kept: (of: JsonRecord) => JsonRecord): object => {
    const field = record.fields.find((each) => each.name === name);
    return { ...field, type: ['null', kept((field?.type as [string, JsonRecord])[1])] };
  };
  const only = (record: JsonRecord, ...names: string[]): JsonRecord => ({
    ...record,
    fields: record.fields.filter(({ name }) => names.includes(name)),
  });
  const open = nullOr(whole, 'open', (record) => ({
    ...record,
    fields: [
      ...only(record, 'lastReceivedAt', 'endedAt').fields,
      nullOr(record, 'row', (row) => only(row, 'createdAt')) as JsonRecord['fields'][number],
    ],
  }));
  const ended = nullOr(whole, 'ended', (record) => only(record, 'endedAt', 'erased'));
  return { ...whole, fields: [open, ended] } as unknown as Schema;
}

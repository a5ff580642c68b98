import { beforeAll, expect, test } from '@jest/globals';
import type { ConversationState, OpenConversation } from '../../../src/conversation';
import { type ChangelogCodec, createChangelogCodec } from '../../../src/log/codec/codecs';
import { createLocalSchemas, type SchemaSource } from '../../../src/log/codec/schema-source';
import { loadSchema, typeOf } from '../../../src/log/codec/schemas';
import { topicNames } from '../../../src/log/topics';

const open: OpenConversation = {
  kind: 'open',
  participants: [],
  recent: [{ digest: Buffer.alloc(16, 7), receivedAt: 5 }],
  lastReceivedAt: 6,
  endedAt: 7,
  row: { createdAt: 1, updatedAt: 2, connectedTime: 3, provisionalFor: null },
  endedBefore: ['a'],
};
const OLD_ID = 77;
let codec: ChangelogCodec;
let old: ReturnType<typeof typeOf>;

interface JsonField {
  readonly name: string;
  type: unknown;
}

beforeAll(async () => {
  const schema = JSON.parse(loadSchema('fold-state').text) as { fields: JsonField[] };
  const ended = schema.fields.find(({ name }) => name === 'ended')?.type as [string, { fields: JsonField[] }];
  ended[1].fields = ended[1].fields.filter(({ name }) => name !== 'erased');
  old = typeOf(schema as never);
  const local = createLocalSchemas();
  const schemas: SchemaSource = {
    ...local,
    idOf: (subject, own) => local.idOf(subject, own),
    writerOf: (id) => (id === OLD_ID ? Promise.resolve(old) : local.writerOf(id)),
  };
  codec = await createChangelogCodec(schemas, topicNames('test'));
});

test('the head of a state is what it says of itself without its lists', () => {
  const headOf = (state: ConversationState) => codec.headOf(codec.encode({ state, checkpoint: null }));
  const { kind, lastReceivedAt, endedAt } = open;
  expect(headOf(open)).toEqual({ ok: true, value: { kind, lastReceivedAt, endedAt, row: { createdAt: 1 } } });
  expect(headOf({ ...open, endedAt: null, row: null })).toEqual({
    ok: true,
    value: { kind, lastReceivedAt, endedAt: null, row: null },
  });
  expect(headOf({ kind: 'ended', endedAt: 4, communicationIds: ['a', 'b'], erased: true })).toEqual({
    ok: true,
    value: { kind: 'ended', endedAt: 4, erased: true },
  });
});

test('a checkpoint, half a state and garbage have no head', () => {
  const checkpoint = { nextOffset: 0, receivedAt: null, topics: [], last: null };
  expect(codec.headOf(codec.encode({ state: null, checkpoint })).ok).toBe(false);
  const bytes = codec.encode({ state: open, checkpoint: null });
  for (let length = 0; length < bytes.length; length++) expect(codec.headOf(bytes.subarray(0, length)).ok).toBe(false);
});

test('states of an older schema have heads, too, and are decoded with the defaults', async () => {
  const avro = old.toBuffer({ open: null, ended: { endedAt: 4, communicationIds: ['a'] }, checkpoint: null });
  const bytes = Buffer.concat([Buffer.from([0, 0, 0, 0, OLD_ID]), avro]);
  await codec.prepare([bytes]);
  expect(codec.headOf(bytes)).toEqual({ ok: true, value: { kind: 'ended', endedAt: 4, erased: false } });
  const state = { kind: 'ended', endedAt: 4, communicationIds: ['a'], erased: false };
  expect(codec.decode(bytes)).toEqual({ ok: true, value: { state, checkpoint: null } });
});

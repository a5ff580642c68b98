import { describe, expect, test } from '@jest/globals';
import {
  createEventCodec,
  createLocalSchemas,
  createRowCodec,
  createRowReader,
  createVisitReader,
  type SchemaSource,
  topicNames,
} from '../../../src/log';
import { aRow } from '../../support/conversation/rows';

const topics = topicNames('t');
const before = createLocalSchemas();
const SCHEMAS = 5;
const ROW = aRow({ conversation_id: 'c' });

/** A registry that gave the same ids to other schemas. */
function turned(by: number): SchemaSource {
  const turn = (id: number, step: number): number => ((id - 1 + step + SCHEMAS) % SCHEMAS) + 1;
  return {
    idOf: async (subject, schema) => turn(await before.idOf(subject, schema), by),
    writerOf: (id) => (id > SCHEMAS ? Promise.resolve(null) : before.writerOf(turn(id, -by))),
  };
}

describe('a registry that was replaced', () => {
  test.each([1, 2, 3, 4])(
    'while a reader runs: a row under another id is unreadable, never another row (%i)',
    async (by) => {
      const running = await createRowCodec(before, topics);
      const value = (await createRowCodec(turned(by), topics)).encode(ROW);
      await running.prepare([value]);
      expect(running.decode(value)).toMatchObject({ ok: false, reason: 'unknown-schema' });
      // What was written before can still be read.
      expect(running.decode(running.encode(ROW))).toMatchObject({ ok: true, value: { conversation_id: 'c' } });
    },
  );

  test.each([1, 2, 3, 4])('before a reader starts: an old row is unreadable, never another one (%i)', async (by) => {
    const value = (await createRowCodec(before, topics)).encode(ROW);
    for (const reader of [createRowReader(turned(by)), createVisitReader(turned(by))]) {
      await reader.prepare([value]);
      expect(reader.decode(value).ok).toBe(false);
    }
  });

  test('while a fold runs: an event under another id is unreadable, never another event', async () => {
    const running = await createEventCodec(before, topics);
    const event = { conversationId: 'c', receivedAt: 0, source: 'rest', gone: true, participants: [] } as const;
    const value = (await createEventCodec(turned(1), topics)).encode({ ...event, fingerprint: null });
    await running.prepare([value]);
    expect(running.decode(value)).toMatchObject({ ok: false, reason: 'unknown-schema' });
  });
});

import { expect, it } from '@jest/globals';
import { Type } from 'avsc';
import { createLocalSchemas, createRowCodec, type LogRecord, topicNames } from '../../../src/log';
import { rowReader } from '../../../src/sink/topic-sink';
import { aRow } from '../../support/conversation/rows';

const topics = topicNames('');
const LATER = 77;
const record = (key: string | null, value: Buffer | null): LogRecord => ({
  ...{ topic: topics.state, partition: 0, offset: 5, timestamp: 0, headers: {} },
  key: key === null ? null : Buffer.from(key),
  value,
});

it('only a row of this version’s schema goes to the store as it is; everything else is decoded', async () => {
  const local = createLocalSchemas();
  const codec = await createRowCodec(local, topics);
  const own = codec.encode(aRow());
  // As a later version may write it: the same fields, and one more.
  const written = (await local.writerOf(codec.writer.id))?.schema() as { fields: object[] };
  const later = Type.forSchema({ ...written, fields: [{ name: 'more', type: 'string' }, ...written.fields] } as never);
  const foreign = Buffer.concat([Buffer.from([0, 0, 0, 0, LATER]), later.toBuffer({ ...aRow(), more: 'x' })]);
  const reader = await rowReader({
    schemas: { ...local, writerOf: (id) => (id === LATER ? Promise.resolve(later) : local.writerOf(id)) },
    topics,
  });
  await reader.prepare([own, foreign]);

  expect(reader.transcode?.(record('c1', own))).not.toBeNull();
  for (const left of [record('c1', foreign), record('c1', null), record(null, own), record('c1', Buffer.from('no'))]) {
    expect(reader.transcode?.(left)).toBeNull();
  }
  expect(reader.decode(record('c1', foreign))).toEqual({ kind: 'row', row: aRow() });
  expect(reader.decode(record('c1', own))).toEqual({ kind: 'row', row: aRow() });
});

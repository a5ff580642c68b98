import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { insertLines } from '../../../src/embedded/clickhouse/insert-lines';
import { codeOf, type Store, type StoreRow } from '../../../src/store';
import { upsert, writerInto } from '../../support/clickhouse/store-rows';

type Inserted = Parameters<Parameters<typeof insertLines>[0]['chdb']['rawInsert']>[0];

/** A connection of chdb of which nothing but the raw insert is asked. */
function connectionThat(rawInsert: (params: Inserted) => Promise<unknown>) {
  return { chdb: { rawInsert } } as unknown as Parameters<typeof insertLines>[0];
}

/** The statement of the store's writer for this row. */
async function statementOf(row: StoreRow) {
  let sent = { query: '', values: Readable.from([Buffer.alloc(0)]) };
  const client = {
    exec: (params: typeof sent) => {
      sent = params;
      return Promise.resolve({ stream: Readable.from([]) });
    },
  };
  await writerInto({ client, database: 'qf' } as unknown as Store).put(row);
  return sent;
}

describe('an INSERT of the store into the embedded ClickHouse', () => {
  it('goes as bytes, with all its parts', async () => {
    const inserted: Inserted[] = [];
    const inserting = insertLines(
      connectionThat((params) => Promise.resolve(inserted.push(params))),
      await statementOf(upsert(1)),
    );
    expect(inserting).not.toBeNull();
    await inserting;
    expect(inserted).toEqual([
      {
        table: 'qf.queue_conversation_history',
        columns: expect.arrayContaining(['conversation_id', 'waiting', '_version', '_deleted', '_partition']),
        settings: expect.objectContaining({ async_insert: 0, input_format_null_as_default: 0 }),
        format: 'JSONCompactEachRow',
        values: expect.any(Buffer),
      },
    ]);
    expect(JSON.parse(String(inserted[0]?.values))).toHaveLength(inserted[0]?.columns?.length ?? 0);
  });

  it('that is refused says so with the code of ClickHouse', async () => {
    const said = 'Code: 27. DB::Exception: Cannot parse input: (at row 1). (CANNOT_PARSE_INPUT_ASSERTION_FAILED)';
    const inserting = insertLines(
      connectionThat(() => Promise.reject(new Error(said))),
      await statementOf(upsert(1)),
    );
    expect(codeOf(await inserting?.catch((error: unknown) => error))).toBe(27);
  });

  it.each(['INSERT INTO `a-b`.t (c) SETTINGS x = 1 FORMAT JSONCompactEachRow', 'OPTIMIZE TABLE t', 'SELECT 1'])(
    'that it does not know is left to chdb: %s',
    (query) => {
      const connection = connectionThat(() => Promise.reject(new Error('not to be called')));
      expect(insertLines(connection, { query, values: Readable.from([]) })).toBeNull();
    },
  );
});

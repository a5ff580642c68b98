import { STATE_COLUMNS } from '../../src/conversation/row';
import type { Log, LogRecord } from '../../src/log/port';
import { identifier, type Store } from '../../src/store/client';
import { INSERT_COLUMNS } from '../../src/store/encode';
import type { DecodedRecord } from '../../src/store/sink-options';

export interface RawInsertOptions {
  readonly log: Log;
  readonly store: Store;
  readonly topic: string;
  readonly decode: (record: LogRecord) => DecodedRecord;
  readonly batchRows: number;
}

/** As many at once as the sink has. */
const CONCURRENCY = 3;

/** What the official client alone does with the same rows, read and decoded beforehand; rows a second. */
export async function measureRawInsert(options: RawInsertOptions): Promise<number> {
  const { log, store, topic, decode, batchRows } = options;
  const rows: unknown[][] = [];
  const reading = await log.read({
    topics: [topic],
    follow: false,
    onRecord: (record) => {
      const { partition, offset } = record;
      const decoded = decode(record);
      if (decoded.kind !== 'row') return;
      rows.push([...STATE_COLUMNS.map((column) => decoded.row[column]), String(offset), 0, partition]);
    },
  });
  await reading.caughtUp;
  await reading.stop();

  const started = performance.now();
  let next = 0;
  const insertAll = async (): Promise<void> => {
    while (next < rows.length) {
      const values = rows.slice(next, (next += batchRows));
      await store.client.insert({
        table: `${identifier(store.database)}.queue_conversation_history`,
        columns: [...INSERT_COLUMNS] as [string, ...string[]],
        values,
        format: 'JSONCompactEachRow',
      });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, insertAll));
  return (rows.length * 1000) / (performance.now() - started);
}

import { STATE_COLUMNS } from '../../src/conversation';
import type { Log, LogRecord } from '../../src/log';
import type { DecodedRecord } from '../../src/sink/options';
import { identifier, type Store } from '../../src/store';
import { INSERT_COLUMNS } from '../../src/store/encode';
import { beginThroughput, type Throughput } from './throughput';

/** As many at once as the sink. */
const CONCURRENCY = 3;

/** The rows of the state topic, without its tombstones, in the form that the official client takes. */
export async function readRows(
  log: Log,
  topic: string,
  decode: (record: LogRecord) => DecodedRecord,
): Promise<readonly unknown[][]> {
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
  return rows;
}

/** The official client alone with the rows. */
export async function measureRawInsert(
  store: Store,
  rows: readonly unknown[][],
  batchRows: number,
): Promise<Throughput> {
  const measured = beginThroughput();
  let next = 0;
  const insertAll = async (): Promise<void> => {
    while (next < rows.length) {
      const values = rows.slice(next, (next += batchRows));
      await store.client.insert({
        table: `${identifier(store.database)}.queue_conversation_history`,
        columns: INSERT_COLUMNS as readonly string[] as [string, ...string[]],
        values,
        format: 'JSONCompactEachRow',
      });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, insertAll));
  return measured(rows.length);
}

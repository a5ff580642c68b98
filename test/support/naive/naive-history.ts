import type { QueueConversation, StateRecord } from '../../../src/conversation';
import type { StoreRow } from '../../../src/store';

/**
 * The time from which a record holds, docs/explanation/store.md: a row's own db_last_updated, a tombstone's timestamp.
 */
export const timeOf = ({ row, timestamp }: StateRecord): number => row?.db_last_updated ?? timestamp;

/** The rule of docs/explanation/store.md: the records whose time is not after the instant, compacted. */
export function tableAt(records: readonly StateRecord[], instant: number): ReadonlyMap<string, QueueConversation> {
  const table = new Map<string, QueueConversation>();
  for (const record of records.filter((each) => timeOf(each) <= instant)) {
    if (record.row === null) table.delete(record.conversationId);
    else table.set(record.conversationId, record.row);
  }
  return table;
}

/** In the form that the sink writes; the log's order is the order of the records. */
export function storeRows(records: readonly StateRecord[], partition = 0): StoreRow[] {
  return records.map(({ conversationId, row, timestamp }, offset) =>
    row === null
      ? { kind: 'tombstone', conversationId, timestamp, partition, offset }
      : { kind: 'row', row, partition, offset },
  );
}

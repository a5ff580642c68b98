import type { QueueConversation } from '../conversation';
import { type Log, type LogRecord, readStateRecord, type ValueCodec } from '../log';

/** The table as the compacted topic says it, kept up to date in memory. */
export interface LiveRows {
  rows(): Iterable<QueueConversation>;
  row(conversationId: string): QueueConversation | null;
  readonly caughtUp: Promise<void>;
  stop(): Promise<void>;
}

export async function followLiveRows(log: Log, topic: string, codec: ValueCodec<QueueConversation>): Promise<LiveRows> {
  const rows = new Map<string, QueueConversation>();
  let tail: Promise<void> | null = null;

  const take = (record: LogRecord): void => {
    const { conversationId, row } = readStateRecord(record, codec);
    if (row === null) rows.delete(conversationId);
    else rows.set(conversationId, row);
  };
  const reading = await log.read({
    topics: [topic],
    follow: true,
    onRecord: (record) => {
      const preparing = codec.prepare([record.value]);
      if (preparing === null && tail === null) {
        take(record);
        return;
      }
      // In order, behind the one whose schema is being asked for.
      const mine: Promise<void> = Promise.all([tail, preparing]).then(() => take(record));
      tail = mine;
      void mine.then(() => {
        if (tail === mine) tail = null;
      });
    },
  });
  return {
    rows: () => rows.values(),
    row: (conversationId) => rows.get(conversationId) ?? null,
    caughtUp: reading.caughtUp,
    stop: () => reading.stop(),
  };
}

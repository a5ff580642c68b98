import { identifier, type Store } from './client';
import { offsetOf, versionOf } from './encode';

export interface Progress {
  /** The offset after the last one that is known to be stored without a gap, per partition. */
  read(): Promise<ReadonlyMap<number, number>>;
  /** To call when every record below these offsets is stored. */
  write(offsets: ReadonlyMap<number, number>): Promise<void>;
}

/**
 * How far the store is, told by the store itself: after a commit that was lost, what is there is not sent again. The
 * greatest stored version alone would not do: with two inserts under way, or half of one, a later record can be there
 * and an earlier one missing. And the note alone would not do either: somebody may have emptied the tables.
 */
export function createProgress(store: Store, topic: string, epoch: number): Progress {
  const database = identifier(store.database);
  return {
    read: async () => {
      const result = await store.client.query({
        query: `
          SELECT partition, toString(least(noted.version, stored.version)) AS version
          FROM (SELECT partition, max(version) AS version FROM ${database}.queue_conversation_progress
                WHERE topic = {topic:String} GROUP BY partition) AS noted
          INNER JOIN (SELECT _partition AS partition, max(_version) AS version
                      FROM ${database}.queue_conversation_history GROUP BY _partition) AS stored
          USING (partition)`,
        query_params: { topic },
        format: 'JSONEachRow',
      });
      const rows = await result.json<{ partition: number; version: string }>();
      return new Map(
        rows.flatMap(({ partition, version }) => {
          const offset = offsetOf(epoch, version);
          return offset === null ? [] : [[partition, offset + 1] as const];
        }),
      );
    },
    write: async (offsets) => {
      const rows = [...offsets]
        .filter(([, offset]) => offset > 0)
        .map(([partition, offset]) => `(${literal(topic)}, ${partition}, ${versionOf(epoch, offset - 1)})`);
      if (rows.length === 0) return;
      await store.client.command({
        query:
          `INSERT INTO ${database}.queue_conversation_progress (topic, partition, version) ` +
          `SETTINGS async_insert = 0, insert_deduplicate = 0 VALUES ${rows.join(', ')}`,
      });
    },
  };
}

function literal(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}

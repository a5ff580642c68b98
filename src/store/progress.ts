import { identifier, type Store } from './client';
import { offsetOf, versionOf } from './encode';
import { literal } from './literal';
import { VISIT_TABLE } from './visit-writer';
import { HISTORY_TABLE } from './writer';

/** What the store knows of a partition. */
export interface Note {
  /** The offset after the last one that is known to be stored without a gap. */
  readonly offset: number;
  /** Every tombstone that was written before this time (epoch ms) is stored. */
  readonly asOfMs: number;
}

export interface Progress {
  /** Of each partition of which anything is stored in this epoch. */
  read(): Promise<ReadonlyMap<number, Note>>;
  /** To call when every record below the offsets is stored. */
  write(notes: ReadonlyMap<number, Note>): Promise<void>;
}

/** Where the records of a topic are, each with its version. */
export interface StoredIn {
  readonly table: string;
  /** In SQL: the rows of records. */
  readonly where: string;
}

const CONVERSATIONS: StoredIn = { table: HISTORY_TABLE, where: 'true' };
/** But for the rows of days that a visit has left. */
export const VISITS: StoredIn = { table: VISIT_TABLE, where: '_deleted = 0' };

/**
 * How far the store is, told by the store itself: after a commit that was lost, what is there is not sent again, and
 * after its data were lost (emptied, an older backup), what is missing is. The greatest stored version alone would not
 * do: with two inserts under way, or half of one, a later record can be there and an earlier one missing. And the note
 * alone would not do either: somebody may have emptied the tables.
 * Two notes may be combined, the greatest of each: both say what is true of the same tables.
 */
export function createProgress(store: Store, topic: string, epoch: number, stored: StoredIn = CONVERSATIONS): Progress {
  const database = identifier(store.database);
  return {
    read: async () => {
      const result = await store.client.query({
        query: `
          SELECT partition, toString(least(noted.latest, stored.latest)) AS version, asOf AS as_of
          FROM (SELECT partition, max(version) AS latest, toUnixTimestamp64Milli(max(as_of)) AS asOf
                FROM ${database}.queue_conversation_progress
                WHERE topic = {topic:String} AND bitShiftRight(version, 48) = {epoch:UInt16}
                GROUP BY partition) AS noted
          INNER JOIN (SELECT _partition AS partition, max(_version) AS latest
                      FROM ${database}.${stored.table} WHERE ${stored.where} GROUP BY _partition) AS stored
          USING (partition)`,
        query_params: { topic, epoch },
        format: 'JSONEachRow',
      });
      const rows = await result.json<{ partition: number; version: string; as_of: string | number }>();
      return new Map(
        rows.flatMap(({ partition, version, as_of }) => {
          const offset = offsetOf(epoch, version);
          return offset === null ? [] : [[partition, { offset: offset + 1, asOfMs: Number(as_of) }] as const];
        }),
      );
    },
    write: async (notes) => {
      const rows = [...notes]
        .filter(([, { offset }]) => offset > 0)
        .map(([partition, { offset, asOfMs }]) => {
          return `(${literal(topic)}, ${partition}, ${versionOf(epoch, offset - 1)}, fromUnixTimestamp64Milli(${asOfMs}, 'UTC'))`;
        });
      if (rows.length === 0) return;
      await store.client.command({
        query:
          `INSERT INTO ${database}.queue_conversation_progress (topic, partition, version, as_of) ` +
          `SETTINGS async_insert = 0, insert_deduplicate = 0 VALUES ${rows.join(', ')}`,
      });
    },
  };
}

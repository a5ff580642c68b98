import { identifier, type Store } from './client';
import { offsetOf, versionOf } from './encode';
import { literal } from './literal';
import { VISIT_TABLE } from './visit-writer';
import { HISTORY_TABLE } from './writer';

/** How far the store has a partition. */
export interface Note {
  /** The offset after the last one that is known to be stored without a gap. */
  readonly offset: number;
  /** Every tombstone that was written before this time (epoch ms) is stored. */
  readonly asOfMs: number;
}

/** A row that the table has, unless somebody empties or restores it. */
export interface Anchor {
  readonly conversationId: string;
  readonly partition: number;
  readonly offset: number;
  /** Of a visit, epoch ms; null: it is none. */
  readonly enteredMs: number | null;
}

export interface Progress {
  /** The notes of all partitions that have rows in this epoch and no revoked note. */
  read(): Promise<ReadonlyMap<number, Note>>;
  /** To call when every record below the offsets is stored. */
  write(notes: ReadonlyMap<number, Note>): Promise<void>;
  /**
   * For a person, what the tables lack of what they had; null: nothing.
   * @param noted by partition, the offsets that were noted
   * @param anchors rows that were stored; those of conversations that were erased since may be missing
   */
  missing(noted: ReadonlyMap<number, number>, anchors: readonly Anchor[]): Promise<string | null>;
  /** Rows, no tombstones, that were stored a little below these offsets, a few of each partition. */
  anchorsBelow(offsets: ReadonlyMap<number, number>): Promise<readonly Anchor[]>;
  /**
   * Revokes the notes: the next sink reads these partitions from their beginning, unless there are notes beyond these
   * offsets.
   */
  revoke(offsets: ReadonlyMap<number, number>): Promise<void>;
}

/** Where the records of a topic are, each with its version. */
export interface StoredIn {
  readonly table: string;
  /** In SQL: the rows of records. */
  readonly where: string;
  /** In SQL, by the table's key: the row, or a later one in its place. */
  readonly holds: (anchor: Anchor, version: string) => string;
}

const CONVERSATIONS: StoredIn = {
  table: HISTORY_TABLE,
  where: 'true',
  holds: ({ conversationId, partition }, version) =>
    `(conversation_id = ${literal(conversationId)} AND _partition = ${partition} AND _version = ${version})`,
};
/** But for the rows of days that a visit has left. */
export const VISITS: StoredIn = {
  table: VISIT_TABLE,
  where: '_deleted = 0',
  holds: ({ conversationId, enteredMs }, version) =>
    `(entered_time = fromUnixTimestamp64Milli(${enteredMs ?? 0}, 'UTC') AND ` +
    `conversation_id = ${literal(conversationId)} AND _version >= ${version})`,
};
/** What a query asks for is an id: it must not stay behind in ClickHouse's own log of queries. */
const UNLOGGED = 'log_queries = 0';
/** So many offsets below a note are looked at for rows. */
const BELOW = 50;
/** A note with this time is a revoked one. */
const NEVER_MS = 0;

/**
 * How far the store is, told by the store itself: after a commit that was lost, what is there is not sent again, and
 * after its data were lost (emptied, an older backup), what is missing is. The greatest stored version alone would not
 * do: with two inserts under way, or half of one, a later record can be there and an earlier one missing. And the note
 * alone would not do either: somebody may have emptied the tables.
 * Two notes may be combined, the greatest of each: both say what is true of the same tables.
 */
export function createProgress(store: Store, topic: string, epoch: number, stored: StoredIn = CONVERSATIONS): Progress {
  const database = identifier(store.database);
  const notes = `${database}.queue_conversation_progress`;
  const ask = async <T>(query: string): Promise<readonly T[]> => {
    const result = await store.client.query({ query, query_params: { topic, epoch }, format: 'JSONEachRow' });
    return result.json<T>();
  };
  const insert = async (rows: ReadonlyMap<number, Note>): Promise<void> => {
    const values = [...rows]
      .filter(([, { offset }]) => offset > 0)
      .map(([partition, { offset, asOfMs }]) => {
        return `(${literal(topic)}, ${partition}, ${versionOf(epoch, offset - 1)}, fromUnixTimestamp64Milli(${asOfMs}, 'UTC'))`;
      });
    if (values.length === 0) return;
    await store.client.command({
      query:
        `INSERT INTO ${notes} (topic, partition, version, as_of) ` +
        `SETTINGS async_insert = 0, insert_deduplicate = 0 VALUES ${values.join(', ')}`,
    });
  };
  const missingNote = async (noted: ReadonlyMap<number, number>): Promise<string | null> => {
    const rows = await ask<{ partition: number; latest: string }>(
      `SELECT partition, toString(max(version)) AS latest FROM ${notes} ` +
        'WHERE topic = {topic:String} AND bitShiftRight(version, 48) >= {epoch:UInt16} GROUP BY partition',
    );
    // A merge keeps only the greatest note of a partition, so that of a later epoch replaces this one's.
    const found = new Map(
      rows.map(({ partition, latest }) => [partition, (offsetOf(epoch, latest) ?? Number.POSITIVE_INFINITY) + 1]),
    );
    for (const [partition, offset] of noted) {
      const now = found.get(partition) ?? 0;
      if (now < offset) return `it held ${topic}/${partition} up to offset ${offset}, and holds it up to ${now} now`;
    }
    return null;
  };
  const missingRow = async (anchors: readonly Anchor[]): Promise<string | null> => {
    if (anchors.length === 0) return null;
    const ids = new Set(anchors.map(({ conversationId }) => conversationId));
    const place = `${database}.${stored.table}`;
    const holds = anchors.map((anchor) => stored.holds(anchor, versionOf(epoch, anchor.offset))).join(' OR ');
    const rows = await ask<{ id: string }>(
      `SELECT DISTINCT conversation_id AS id FROM ${place} WHERE ${holds} SETTINGS ${UNLOGGED}`,
    );
    for (const { id } of rows) ids.delete(id);
    if (ids.size === 0) return null;
    const erased = await ask<{ id: string }>(
      `SELECT DISTINCT conversation_id AS id FROM ${database}.queue_conversation_erasures ` +
        `WHERE conversation_id IN (${[...ids].map(literal).join(', ')}) SETTINGS ${UNLOGGED}`,
    );
    for (const { id } of erased) ids.delete(id);
    return ids.size === 0 ? null : `its table ${stored.table} lost rows of ${topic}`;
  };

  return {
    read: async () => {
      const rows = await ask<{ partition: number; version: string; as_of: string | number }>(`
          SELECT partition, toString(least(noted.latest, stored.latest)) AS version, asOf AS as_of
          FROM (SELECT partition, max(version) AS latest, toUnixTimestamp64Milli(max(as_of)) AS asOf
                FROM ${notes}
                WHERE topic = {topic:String} AND bitShiftRight(version, 48) = {epoch:UInt16}
                GROUP BY partition
                HAVING toUnixTimestamp64Milli(argMax(as_of, (version, stored_at))) > ${NEVER_MS}) AS noted
          INNER JOIN (SELECT _partition AS partition, max(_version) AS latest
                      FROM ${database}.${stored.table} WHERE ${stored.where} GROUP BY _partition) AS stored
          USING (partition)`);
      return new Map(
        rows.flatMap(({ partition, version, as_of }) => {
          const offset = offsetOf(epoch, version);
          return offset === null ? [] : [[partition, { offset: offset + 1, asOfMs: Number(as_of) }] as const];
        }),
      );
    },
    write: insert,
    missing: async (noted, anchors) => (await missingNote(noted)) ?? (await missingRow(anchors)),
    anchorsBelow: async (offsets) => {
      if (offsets.size === 0) return [];
      const ranges = [...offsets].map(([partition, offset]) => {
        const [from, to] = [Math.max(0, offset - BELOW), offset].map((end) => versionOf(epoch, end));
        return `(_partition = ${partition} AND _version >= ${from ?? 0} AND _version < ${to ?? 0})`;
      });
      const rows = await ask<{ id: string; partition: number; version: string }>(
        `SELECT conversation_id AS id, _partition AS partition, toString(_version) AS version ` +
          `FROM ${database}.${stored.table} WHERE _deleted = 0 AND (${ranges.join(' OR ')})`,
      );
      return rows.flatMap(({ id, partition, version }) => {
        const offset = offsetOf(epoch, version);
        return offset === null ? [] : [{ conversationId: id, partition, offset, enteredMs: null }];
      });
    },
    revoke: (offsets) =>
      insert(new Map([...offsets].map(([partition, offset]) => [partition, { offset, asOfMs: NEVER_MS }]))),
  };
}

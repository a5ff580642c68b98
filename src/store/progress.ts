import { identifier, type Store } from './client';
import { offsetOf, versionOf } from './encode';
import { literal } from './literal';
import { VISIT_TABLE } from './visit-writer';
import { HISTORY_TABLE } from './writer';

/** How far a partition is stored. */
export interface Note {
  /** Every record below this offset is stored. */
  readonly offset: number;
  /** Every tombstone that was written before this time (epoch ms) is stored. */
  readonly watermark: number;
}

/** A row that stays in the table unless somebody empties or restores it. */
export interface Anchor {
  readonly conversationId: string;
  readonly partition: number;
  readonly offset: number;
  /** The time at which a visit entered, epoch ms; null: the row is no visit. */
  readonly enteredMs: number | null;
}

export interface Progress {
  /** The notes of all partitions that have rows in this epoch and no revoked note. */
  read(): Promise<ReadonlyMap<number, Note>>;
  /** Call it when every record below the offsets is stored. */
  write(notes: ReadonlyMap<number, Note>): Promise<void>;
  /**
   * Returns what the tables have lost, as a sentence; null: nothing.
   * @param noted the noted offset of each partition
   * @param anchors stored rows; rows of conversations that were erased since may be missing
   */
  missing(noted: ReadonlyMap<number, number>, anchors: readonly Anchor[]): Promise<string | null>;
  /** A few stored rows of each partition, without tombstones, from just below these offsets. */
  anchorsBelow(offsets: ReadonlyMap<number, number>): Promise<readonly Anchor[]>;
  /**
   * Revokes the notes: the next sink reads these partitions from their beginning, unless there are notes beyond these
   * offsets.
   */
  revoke(offsets: ReadonlyMap<number, number>): Promise<void>;
}

/** The table of a topic's records. Each row has the version of its record. */
export interface StoredIn {
  readonly table: string;
  /** An SQL condition: the rows that come from records. */
  readonly where: string;
  /** An SQL condition on the table's key: the row, or a later one in its place. */
  readonly holds: (anchor: Anchor, version: string) => string;
}

const CONVERSATIONS: StoredIn = {
  table: HISTORY_TABLE,
  where: 'true',
  holds: ({ conversationId, partition }, version) =>
    `(conversation_id = ${literal(conversationId)} AND _partition = ${partition} AND _version = ${version})`,
};
/** The rows of times that a visit has left do not count. */
export const VISITS: StoredIn = {
  table: VISIT_TABLE,
  where: '_deleted = 0',
  holds: ({ conversationId, enteredMs }, version) =>
    `(entered_time = fromUnixTimestamp64Milli(${enteredMs ?? 0}, 'UTC') AND ` +
    `conversation_id = ${literal(conversationId)} AND _version >= ${version})`,
};
/** The queries contain ids, which must not stay in the query log of ClickHouse. */
const UNLOGGED = 'log_queries = 0';
/** The rows to look for are this close below a note, in offsets. */
const BELOW = 50;
/** A revoked note has this time. */
const NEVER_MS = 0;

/**
 * Reads from the store itself how far it is. So after a lost commit the sink sends nothing again that is there. After a
 * loss of data (emptied tables, an older backup) it sends what is missing.
 * The greatest stored version alone would not be enough: with two inserts under way, or half of one, a later record may
 * be there while an earlier one is missing. The note alone would not be enough either, because somebody may have
 * emptied the tables.
 * Of two notes the greater one counts, because both are true of the same tables.
 */
export function createProgress(store: Store, topic: string, epoch: number, stored: StoredIn = CONVERSATIONS): Progress {
  return new StoredProgress(store, topic, epoch, stored);
}

class StoredProgress implements Progress {
  readonly #store: Store;
  readonly #topic: string;
  readonly #epoch: number;
  readonly #stored: StoredIn;
  /** The names of tables, for statements. */
  readonly #notes: string;
  readonly #rows: string;
  readonly #erasures: string;

  constructor(store: Store, topic: string, epoch: number, stored: StoredIn) {
    this.#store = store;
    this.#topic = topic;
    this.#epoch = epoch;
    this.#stored = stored;
    const database = identifier(store.database);
    this.#notes = `${database}.queue_conversation_progress`;
    this.#rows = `${database}.${stored.table}`;
    this.#erasures = `${database}.queue_conversation_erasures`;
  }

  async read(): Promise<ReadonlyMap<number, Note>> {
    const rows = await this.#ask<{ partition: number; version: string; as_of: string | number }>(`
      SELECT partition, toString(least(noted.latest, stored.latest)) AS version, asOf AS as_of
      FROM (SELECT partition, max(version) AS latest, toUnixTimestamp64Milli(max(as_of)) AS asOf
            FROM ${this.#notes}
            WHERE topic = {topic:String} AND bitShiftRight(version, 48) = {epoch:UInt16}
            GROUP BY partition
            HAVING toUnixTimestamp64Milli(argMax(as_of, (version, stored_at))) > ${NEVER_MS}) AS noted
      INNER JOIN (SELECT _partition AS partition, max(_version) AS latest
                  FROM ${this.#rows} WHERE ${this.#stored.where} GROUP BY _partition) AS stored
      USING (partition)`);
    return new Map(
      rows.flatMap(({ partition, version, as_of }) => {
        const offset = offsetOf(this.#epoch, version);
        return offset === null ? [] : [[partition, { offset: offset + 1, watermark: Number(as_of) }] as const];
      }),
    );
  }

  async write(notes: ReadonlyMap<number, Note>): Promise<void> {
    const values = [...notes]
      .filter(([, { offset }]) => offset > 0)
      .map(([partition, { offset, watermark }]) => {
        const version = versionOf(this.#epoch, offset - 1);
        return `(${literal(this.#topic)}, ${partition}, ${version}, fromUnixTimestamp64Milli(${watermark}, 'UTC'))`;
      });
    if (values.length === 0) return;
    await this.#store.client.command({
      query:
        `INSERT INTO ${this.#notes} (topic, partition, version, as_of) ` +
        `SETTINGS async_insert = 0, insert_deduplicate = 0 VALUES ${values.join(', ')}`,
    });
  }

  async missing(noted: ReadonlyMap<number, number>, anchors: readonly Anchor[]): Promise<string | null> {
    return (await this.#missingNote(noted)) ?? (await this.#missingRow(anchors));
  }

  async anchorsBelow(offsets: ReadonlyMap<number, number>): Promise<readonly Anchor[]> {
    if (offsets.size === 0) return [];
    const ranges = [...offsets].map(([partition, offset]) => {
      const [from, to] = [Math.max(0, offset - BELOW), offset].map((end) => versionOf(this.#epoch, end));
      return `(_partition = ${partition} AND _version >= ${from ?? 0} AND _version < ${to ?? 0})`;
    });
    const rows = await this.#ask<{ id: string; partition: number; version: string }>(
      `SELECT conversation_id AS id, _partition AS partition, toString(_version) AS version ` +
        `FROM ${this.#rows} WHERE _deleted = 0 AND (${ranges.join(' OR ')})`,
    );
    return rows.flatMap(({ id, partition, version }) => {
      const offset = offsetOf(this.#epoch, version);
      return offset === null ? [] : [{ conversationId: id, partition, offset, enteredMs: null }];
    });
  }

  revoke(offsets: ReadonlyMap<number, number>): Promise<void> {
    return this.write(new Map([...offsets].map(([partition, offset]) => [partition, { offset, watermark: NEVER_MS }])));
  }

  async #missingNote(noted: ReadonlyMap<number, number>): Promise<string | null> {
    const rows = await this.#ask<{ partition: number; latest: string }>(
      `SELECT partition, toString(max(version)) AS latest FROM ${this.#notes} ` +
        'WHERE topic = {topic:String} AND bitShiftRight(version, 48) >= {epoch:UInt16} GROUP BY partition',
    );
    // A merge keeps only the greatest note of a partition, so the note of a later epoch replaces this one's.
    const found = new Map(
      rows.map(({ partition, latest }) => [partition, (offsetOf(this.#epoch, latest) ?? Number.POSITIVE_INFINITY) + 1]),
    );
    for (const [partition, offset] of noted) {
      const now = found.get(partition) ?? 0;
      if (now >= offset) continue;
      return `it held ${this.#topic}/${partition} up to offset ${offset}, and holds it up to ${now} now`;
    }
    return null;
  }

  async #missingRow(anchors: readonly Anchor[]): Promise<string | null> {
    if (anchors.length === 0) return null;
    const ids = new Set(anchors.map(({ conversationId }) => conversationId));
    const holds = anchors.map((anchor) => this.#stored.holds(anchor, versionOf(this.#epoch, anchor.offset)));
    const rows = await this.#ask<{ id: string }>(
      `SELECT DISTINCT conversation_id AS id FROM ${this.#rows} WHERE ${holds.join(' OR ')} SETTINGS ${UNLOGGED}`,
    );
    for (const { id } of rows) ids.delete(id);
    if (ids.size === 0) return null;
    const erased = await this.#ask<{ id: string }>(
      `SELECT DISTINCT conversation_id AS id FROM ${this.#erasures} ` +
        `WHERE conversation_id IN (${[...ids].map(literal).join(', ')}) SETTINGS ${UNLOGGED}`,
    );
    for (const { id } of erased) ids.delete(id);
    return ids.size === 0 ? null : `its table ${this.#stored.table} lost rows of ${this.#topic}`;
  }

  async #ask<T>(query: string): Promise<readonly T[]> {
    const query_params = { topic: this.#topic, epoch: this.#epoch };
    const result = await this.#store.client.query({ query, query_params, format: 'JSONEachRow' });
    return result.json<T>();
  }
}

import { identifier, type Store } from './client';
import { literal } from './literal';

/** A conversation whose rows must go, up to the version. */
export interface Erasure {
  readonly conversationId: string;
  /** `_version` of its tombstone. */
  readonly version: string;
  /** Epoch ms. */
  readonly erasedAt: number;
}

interface ErasableTable {
  readonly table: string;
  /** An SQL condition: the rows of erased conversations that must go. */
  readonly goes: (limits: Limits) => string;
  /** An SQL condition: the rows that tell something. A tombstone tells only the id and a time. */
  readonly tells: string;
  /** Columns with an address. */
  readonly addresses: readonly string[];
}

/** SQL expressions for the erasure of a row's conversation. */
interface Limits {
  readonly version: string;
  readonly erasedAt: string;
}

/**
 * Visits have versions of another topic, so this table compares receive times. All clocks agree within a day, and the
 * fold takes nothing new of an erased conversation for 30 days.
 */
const byTime = ({ erasedAt }: Limits): string => `db_last_updated < ${erasedAt} + INTERVAL 1 DAY`;

/**
 * THE list of the tables that know something of a conversation. A new table belongs here, and a new topic in
 * src/erase/erasable.ts. The tombstone stays in the state table until the clean-up, because it hides rows that may
 * still be on their way.
 */
export const ERASABLE_TABLES: readonly ErasableTable[] = [
  {
    table: 'queue_conversation_history',
    goes: ({ version }) => `_version <= ${version}`,
    tells: 'true',
    addresses: ['ani', 'dnis'],
  },
  {
    table: 'queue_conversation_state',
    goes: ({ version }) => `_version < ${version}`,
    tells: '_deleted = 0',
    addresses: ['ani', 'dnis'],
  },
  {
    table: 'queue_conversation_lives',
    goes: ({ version }) => `greatest(last_row, last_tombstone) <= ${version}`,
    tells: 'true',
    addresses: [],
  },
  { table: 'queue_visit_state', goes: byTime, tells: 'true', addresses: [] },
  { table: 'queue_visit_times', goes: byTime, tells: 'true', addresses: [] },
];

const ERASURES = 'queue_conversation_erasures';
/** A statement with this many ids is well below ClickHouse's longest one. */
const IDS_AT_ONCE = 500;
/** The queries contain an id or an address, which must not stay in the query log of ClickHouse. */
const UNLOGGED = 'log_queries = 0';

/** Notes the erasures. From now on `sweepErasures` deletes their rows. */
export async function noteErasures(store: Store, erasures: readonly Erasure[]): Promise<void> {
  for (const some of chunked(erasures)) {
    const rows = some.map(
      ({ conversationId, version, erasedAt }) =>
        `(${literal(conversationId)}, ${version}, fromUnixTimestamp64Milli(${Math.round(erasedAt)}, 'UTC'))`,
    );
    await store.client.command({
      query:
        `INSERT INTO ${tableOf(store, ERASURES)} (conversation_id, version, erased_at) ` +
        `SETTINGS async_insert = 0, insert_deduplicate = 0, ${UNLOGGED} VALUES ${rows.join(', ')}`,
    });
  }
}

/**
 * Deletes the rows of erased conversations and returns how many. Nobody sees them from then on. They leave the disk
 * when ClickHouse has rewritten their parts, which also begins at once.
 * @param withinMs only erasures that were noted within this time
 */
export async function sweepErasures(store: Store, withinMs: number): Promise<number> {
  const noted = await ask<Noted>(
    store,
    'SELECT conversation_id AS id, toString(max(version)) AS version, ' +
      `toString(toUnixTimestamp64Milli(max(erased_at))) AS erasedAt FROM ${tableOf(store, ERASURES)} WHERE _ingested_at > now() - ${Math.ceil(withinMs / 1_000)} GROUP BY conversation_id SETTINGS ${UNLOGGED}`,
  );
  let deleted = 0;
  for (const some of chunked(noted)) {
    for (const one of ERASABLE_TABLES) deleted += await deleteFrom(store, one, some);
  }
  return deleted;
}

interface Noted {
  readonly id: string;
  readonly version: string;
  /** Epoch ms. */
  readonly erasedAt: string;
}

async function deleteFrom(store: Store, { table, goes }: ErasableTable, erasures: readonly Noted[]): Promise<number> {
  const ids = erasures.map(({ id }) => literal(id)).join(', ');
  const limitOf = (values: readonly string[], type: string) =>
    `transform(conversation_id, [${ids}], [${values.map((value) => `${type}(${value})`).join(', ')}], ${type}(0))`;
  const limits = {
    version: limitOf(
      erasures.map(({ version }) => version),
      'toUInt64',
    ),
    erasedAt: `fromUnixTimestamp64Milli(${limitOf(
      erasures.map(({ erasedAt }) => erasedAt),
      'toInt64',
    )}, 'UTC')`,
  };
  const condition = `conversation_id IN (${ids}) AND ${goes(limits)}`;
  const name = tableOf(store, table);
  const [found] = await ask<{ n: string }>(
    store,
    `SELECT count() AS n FROM ${name} WHERE ${condition} SETTINGS ${UNLOGGED}`,
  );
  const rows = Number(found?.n ?? 0);
  if (rows === 0) return 0;
  const settings = `SETTINGS lightweight_deletes_sync = 1, ${UNLOGGED}`;
  await store.client.command({ query: `DELETE FROM ${name} WHERE ${condition} ${settings}` });
  await store.client.command({ query: `ALTER TABLE ${name} APPLY DELETED MASK SETTINGS mutations_sync = 0` });
  return rows;
}

/** Returns for each table how many rows of these conversations it has. Tables without any are left out. */
export async function countErasable(store: Store, ids: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const some of chunked(ids)) {
    const list = some.map(literal).join(', ');
    for (const { table, tells } of ERASABLE_TABLES) {
      const [found] = await ask<{ n: string }>(
        store,
        `SELECT count() AS n FROM ${tableOf(store, table)} WHERE conversation_id IN (${list}) AND ${tells} SETTINGS ${UNLOGGED}`,
      );
      const rows = Number(found?.n ?? 0);
      if (rows > 0) counts[table] = (counts[table] ?? 0) + rows;
    }
  }
  return counts;
}

/**
 * Returns the conversations of which a row has an address that matches.
 * @param parts keeps the list of candidates short: a matching address contains one of these texts, once ` .-()` are
 * removed
 */
export async function findByAddress(
  store: Store,
  parts: readonly string[],
  matches: (address: string) => boolean,
): Promise<readonly string[]> {
  const ids = new Set<string>();
  const wanted = parts.map((part) => `position(bare, ${literal(part)}) > 0`).join(' OR ');
  for (const { table, addresses } of ERASABLE_TABLES) {
    for (const column of addresses) {
      const candidates = await ask<{ address: string }>(
        store,
        `SELECT DISTINCT assumeNotNull(${column}) AS address, replaceRegexpAll(address, '[ .()-]', '') AS bare ` +
          `FROM ${tableOf(store, table)} WHERE isNotNull(${column}) AND (${wanted}) SETTINGS ${UNLOGGED}`,
      );
      for (const some of chunked(candidates.map(({ address }) => address).filter(matches))) {
        const found = await ask<{ id: string }>(
          store,
          `SELECT DISTINCT conversation_id AS id FROM ${tableOf(store, table)} ` +
            `WHERE ${column} IN (${some.map(literal).join(', ')}) SETTINGS ${UNLOGGED}`,
        );
        for (const { id } of found) ids.add(id);
      }
    }
  }
  return [...ids];
}

async function ask<T>(store: Store, query: string): Promise<readonly T[]> {
  const result = await store.client.query({ query, format: 'JSONEachRow' });
  return result.json<T>();
}

function tableOf({ database }: Store, table: string): string {
  return `${identifier(database)}.${table}`;
}

function* chunked<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += IDS_AT_ONCE) yield items.slice(at, at + IDS_AT_ONCE);
}

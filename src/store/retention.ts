import type { ClickHouseClient } from '@clickhouse/client';
import { OperatorError } from '../common';
import { identifier } from './client';
import { describeStoreError } from './errors';
import { renderSql, type Rendering } from './sql-files';

export interface HistoryWishes {
  /** `HISTORY_RETENTION`: ClickHouse may delete versions that were inserted longer ago. */
  readonly retentionMs: number;
  /** `CLICKHOUSE_STORAGE_POLICY`. Absent: the policy stays as it is. */
  readonly storagePolicy?: string;
  /** `refuse` (default): throw if the change would delete versions that exist. */
  readonly loss?: 'refuse' | 'allow';
}

const HISTORY = 'queue_conversation_history';
const VISITS = 'queue_visit_state';
/**
 * ClickHouse deletes the parts of a month as a whole. The tables of lives and times outlive them by a month
 * (schemas/clickhouse/004_lives.sql).
 */
const OUTLAST_MS = 31 * 86_400_000;
/** The retention that the migrations set, for tables that do not exist yet. */
const DEFAULT_RETENTION_MS = 90 * 86_400_000;

interface KeptTable {
  readonly table: string;
  /** Longer than HISTORY_RETENTION. */
  readonly outlastMs: number;
  /** What an operator would lose if rows were deleted. Null: other tables have the same. */
  readonly holds: string | null;
}

const KEPT: readonly KeptTable[] = [
  { table: HISTORY, outlastMs: 0, holds: 'versions' },
  { table: 'queue_conversation_lives', outlastMs: OUTLAST_MS, holds: null },
  { table: VISITS, outlastMs: 0, holds: 'visits' },
  { table: 'queue_visit_times', outlastMs: OUTLAST_MS, holds: null },
];

interface TableSettings {
  /** The table's whole `TTL …` clause, as ClickHouse writes it; empty: the table has none. */
  readonly ttl: string;
  readonly policy: string;
}

/**
 * The statements that bring the history and the visits to the wanted settings. Empty if they have them already. Throws
 * an OperatorError if something would be lost, or if the storage policy is unknown.
 */
export async function historyChanges(
  client: ClickHouseClient,
  rendering: Rendering,
  wishes: HistoryWishes,
): Promise<readonly { readonly name: string; readonly statement: string }[]> {
  const { retentionMs, storagePolicy, loss } = wishes;
  const { database } = rendering;
  const alter = (table: string, change: string) =>
    renderSql(`ALTER TABLE {{database}}.${table} {{onCluster}} ${change}`, rendering);
  const changes: { name: string; statement: string }[] = [];

  for (const { table, outlastMs, holds } of KEPT) {
    const settings = await settingsOf(client, database, table);
    const wantedMs = retentionMs + outlastMs;
    const kept = settings === null ? DEFAULT_RETENTION_MS + outlastMs : keptMs(settings.ttl);
    if (kept === wantedMs) continue;
    if (settings !== null && holds !== null && loss !== 'allow') {
      await assertNothingLost(client, { table: `${identifier(database)}.${table}`, holds, keptMs: kept }, retentionMs);
    }
    changes.push({
      name: `${table}: kept ${inDays(wantedMs)} (was ${inDays(kept)})`,
      statement: alter(table, withRetention(settings?.ttl ?? '', wantedMs)),
    });
  }
  const policy = storagePolicy === undefined ? undefined : (await settingsOf(client, database, HISTORY))?.policy;
  if (storagePolicy !== undefined && storagePolicy !== policy) {
    await assertPolicy(client, storagePolicy);
    const statement = alter(HISTORY, `MODIFY SETTING storage_policy = '${storagePolicy.replace(/['\\]/g, '\\$&')}'`);
    changes.push({ name: `${HISTORY}: storage policy ${storagePolicy} (was ${policy ?? 'default'})`, statement });
  }
  return changes;
}

/** Runs one of the statements above. */
export async function applyHistoryChange(client: ClickHouseClient, name: string, statement: string): Promise<void> {
  try {
    await client.command({ query: statement });
  } catch (error) {
    throw new OperatorError(
      `${name}: ClickHouse refuses it: ${describeStoreError(error)}. A storage policy must have all disks of the one ` +
        'before (CLICKHOUSE_STORAGE_POLICY), and the user needs ALTER on the table.',
    );
  }
}

/** Null: the table does not exist yet. */
async function settingsOf(client: ClickHouseClient, database: string, table: string): Promise<TableSettings | null> {
  const result = await client.query({
    query:
      'SELECT engine_full, storage_policy FROM system.tables WHERE database = {database:String} AND name = {table:String}',
    query_params: { database, table },
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ engine_full: string; storage_policy: string }>();
  if (row === undefined) return null;
  const ttl = / (TTL .*?)(?= SETTINGS | COMMENT |$)/s.exec(row.engine_full)?.[1] ?? '';
  return { ttl, policy: row.storage_policy };
}

/** The rule that deletes. A rule that moves parts to another volume says `TO`. */
const DELETES = /_ingested_at \+ toInterval(Second|Minute|Hour|Day|Week)\((\d+)\)(?!\s+(?:TO|RECOMPRESS|GROUP)\b)/;
const UNIT_MS: Readonly<Record<string, number>> = {
  Second: 1_000,
  Minute: 60_000,
  Hour: 3_600_000,
  Day: 86_400_000,
  Week: 7 * 86_400_000,
};

/** Infinity: the table keeps its rows forever. */
function keptMs(ttl: string): number {
  const [, unit = '', count] = DELETES.exec(ttl) ?? [];
  return count === undefined ? Infinity : Number(count) * (UNIT_MS[unit] ?? NaN);
}

/** The operator's other rules stay. */
function withRetention(ttl: string, retentionMs: number): string {
  const rule = `_ingested_at + toIntervalSecond(${Math.round(retentionMs / 1_000)})`;
  if (DELETES.test(ttl)) return `MODIFY ${ttl.replace(DELETES, rule)}`;
  return ttl === '' ? `MODIFY TTL ${rule}` : `MODIFY ${ttl}, ${rule}`;
}

async function assertNothingLost(
  client: ClickHouseClient,
  { table, holds, keptMs }: { readonly table: string; readonly holds: string; readonly keptMs: number },
  retentionMs: number,
): Promise<void> {
  if (retentionMs > keptMs) return;
  const result = await client.query({
    query:
      `SELECT count() AS lost FROM ${table} ` +
      `WHERE _ingested_at < now() - toIntervalSecond(${Math.round(retentionMs / 1_000)})`,
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ lost: string }>();
  const lost = Number(row?.lost ?? 0);
  if (lost === 0) return;
  throw new OperatorError(
    `HISTORY_RETENTION: ${inDays(retentionMs)} would delete ${lost} ${holds} of ${table.replaceAll('`', '')}, which ` +
      `keeps them ${inDays(keptMs)} now. Set HISTORY_RETENTION to that, or run \`queuefold setup --allow-data-loss\` once.`,
  );
}

async function assertPolicy(client: ClickHouseClient, policy: string): Promise<void> {
  const result = await client.query({
    query: 'SELECT DISTINCT policy_name AS name FROM system.storage_policies ORDER BY name',
    format: 'JSONEachRow',
  });
  const names = (await result.json<{ name: string }>()).map(({ name }) => name);
  if (names.includes(policy)) return;
  throw new OperatorError(
    `CLICKHOUSE_STORAGE_POLICY: ClickHouse has no policy ${policy}; its policies are ${names.join(', ')}. ` +
      'Name one of them, or add it to the configuration of the server (storage_configuration).',
  );
}

function inDays(ms: number): string {
  return ms === Infinity ? 'forever' : `${Number((ms / 86_400_000).toFixed(2))} days`;
}

import type { ClickHouseClient } from '@clickhouse/client';
import { OperatorError } from '../common';
import { identifier } from './client';
import { describeStoreError } from './errors';
import { renderSql, type Rendering } from './sql-files';

export interface HistoryWishes {
  /** `HISTORY_RETENTION`: versions inserted longer ago may go. */
  readonly retentionMs: number;
  /** `CLICKHOUSE_STORAGE_POLICY`; absent: as it is. */
  readonly storagePolicy?: string;
  /** `refuse` (default): an error where the change would delete versions that are there. */
  readonly loss?: 'refuse' | 'allow';
}

const HISTORY = 'queue_conversation_history';
const LIVES = 'queue_conversation_lives';
/** The history's parts are of a month and go as a whole; see schemas/clickhouse/004_lives.sql. */
const LIVES_OUTLAST_MS = 31 * 86_400_000;
/** What the migrations set, for tables that are not there yet. */
const DEFAULT_RETENTION_MS = 90 * 86_400_000;

interface TableSettings {
  /** All of `TTL …`, as ClickHouse writes it; empty: none. */
  readonly ttl: string;
  readonly policy: string;
}

/**
 * The statements that bring the history to what is wished for; none where it is so already. Throws an OperatorError
 * where versions would be lost, or the storage policy is unknown.
 */
export async function historyChanges(
  client: ClickHouseClient,
  rendering: Rendering,
  wishes: HistoryWishes,
): Promise<readonly { readonly name: string; readonly statement: string }[]> {
  const { retentionMs, storagePolicy } = wishes;
  const history = await settingsOf(client, rendering.database, HISTORY);
  const lives = await settingsOf(client, rendering.database, LIVES);
  const alter = (table: string, change: string) =>
    renderSql(`ALTER TABLE {{database}}.${table} {{onCluster}} ${change}`, rendering);
  const changes: { name: string; statement: string }[] = [];

  const kept = history === null ? DEFAULT_RETENTION_MS : keptMs(history.ttl);
  if (kept !== retentionMs) {
    if (history !== null && wishes.loss !== 'allow')
      await assertNothingLost(client, rendering.database, kept, retentionMs);
    const ttl = withRetention(history?.ttl ?? '', retentionMs);
    changes.push({
      name: `${HISTORY}: kept ${inDays(retentionMs)} (was ${inDays(kept)})`,
      statement: alter(HISTORY, ttl),
    });
  }
  const livesMs = retentionMs + LIVES_OUTLAST_MS;
  if ((lives === null ? DEFAULT_RETENTION_MS + LIVES_OUTLAST_MS : keptMs(lives.ttl)) !== livesMs) {
    const statement = alter(LIVES, withRetention(lives?.ttl ?? '', livesMs));
    changes.push({ name: `${LIVES}: kept ${inDays(livesMs)}`, statement });
  }
  if (storagePolicy !== undefined && storagePolicy !== history?.policy) {
    await assertPolicy(client, storagePolicy);
    const statement = alter(HISTORY, `MODIFY SETTING storage_policy = '${storagePolicy.replace(/['\\]/g, '\\$&')}'`);
    changes.push({
      name: `${HISTORY}: storage policy ${storagePolicy} (was ${history?.policy ?? 'default'})`,
      statement,
    });
  }
  return changes;
}

/** Runs one of the statements above. */
export async function applyHistoryChange(client: ClickHouseClient, name: string, statement: string): Promise<void> {
  try {
    await client.command({ query: statement });
  } catch (error) {
    throw new OperatorError(
      `${name}: ClickHouse refused: ${describeStoreError(error)}. A storage policy must have all the disks of the one ` +
        'before (CLICKHOUSE_STORAGE_POLICY); the user needs ALTER on the table.',
    );
  }
}

/** Null: there is no such table yet. */
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

/** The rule that deletes: one that moves parts to another volume says `TO`. */
const DELETES = /_ingested_at \+ toInterval(Second|Minute|Hour|Day|Week)\((\d+)\)(?!\s+(?:TO|RECOMPRESS|GROUP)\b)/;
const UNIT_MS: Readonly<Record<string, number>> = {
  Second: 1_000,
  Minute: 60_000,
  Hour: 3_600_000,
  Day: 86_400_000,
  Week: 7 * 86_400_000,
};

/** Infinity: for ever. */
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
  database: string,
  keptMs: number,
  retentionMs: number,
): Promise<void> {
  if (retentionMs > keptMs) return;
  const result = await client.query({
    query:
      `SELECT count() AS versions FROM ${identifier(database)}.${HISTORY} ` +
      `WHERE _ingested_at < now() - toIntervalSecond(${Math.round(retentionMs / 1_000)})`,
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ versions: string }>();
  const versions = Number(row?.versions ?? 0);
  if (versions === 0) return;
  throw new OperatorError(
    `HISTORY_RETENTION: ${inDays(retentionMs)} would delete ${versions} versions of ${database}.${HISTORY}, which is kept ` +
      `${inDays(keptMs)} now. Set HISTORY_RETENTION to that, or run "queuefold setup --allow-data-loss" once.`,
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
    `CLICKHOUSE_STORAGE_POLICY: ClickHouse has no policy ${policy}; it has ${names.join(', ')}. ` +
      'Policies stand in the configuration of the server (storage_configuration).',
  );
}

function inDays(ms: number): string {
  return ms === Infinity ? 'for ever' : `${Number((ms / 86_400_000).toFixed(2))} days`;
}

import type { ClickHouseClient } from '@clickhouse/client';
import { OperatorError } from '../common';
import { identifier } from './client';
import { UNKNOWN_DATABASE, UNKNOWN_TABLE, codeOf } from './errors';
import { assertNewEnough, migrationError } from './requirements';
import { applyHistoryChange, historyChanges, type HistoryWishes } from './retention';
import { readMigrations, renderSql, replacedView, type MigrationFile, type Rendering } from './sql-files';

export interface MigrateOptions extends Rendering {
  /** Only look and report, change nothing. */
  readonly dryRun: boolean;
  /** Absent: the files of the package. */
  readonly files?: readonly MigrationFile[];
  /** Absent: the policy and retention of the files. */
  readonly history?: HistoryWishes;
}

export interface MigrationStep {
  /** The file's name. A step before the files is called `database` or `_migrations`; steps after them are sentences. */
  readonly name: string;
  readonly statement: string;
  /** `superseded`: a later file replaces this view. */
  readonly outcome: 'applied' | 'would apply' | 'unchanged' | 'superseded';
}

/** This statement is part of the code, because it creates the table that records the files. */
const MIGRATIONS_TABLE = `
CREATE TABLE IF NOT EXISTS {{database}}._migrations {{onCluster}}
(
    name       String                                COMMENT 'File under schemas/clickhouse/',
    checksum   String                                COMMENT 'SHA-256 of the file',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = {{replicated}}ReplacingMergeTree
ORDER BY name
COMMENT 'Migrations of queuefold that were applied'`;

/**
 * Brings the database to this version's schema and reports each statement. Every statement is idempotent and is
 * recorded after it ran, so two runs at once or a killed run do no harm. If several pending files replace one view,
 * only the last one runs. So a run that is behind another cannot put an older view back.
 * Throws an OperatorError if the server is too old, a right is missing, an applied file has changed or is unknown, or
 * data would be lost.
 */
export async function migrate(client: ClickHouseClient, options: MigrateOptions): Promise<readonly MigrationStep[]> {
  const { dryRun, files = readMigrations(), history, ...wanted } = options;
  await assertNewEnough(client);
  const engine = await databaseEngine(client, wanted.database);
  const rendering = renderingFor(engine, wanted);
  const recorded = await readRecorded(client, rendering.database);
  if (recorded !== null) checkRecorded(recorded, files, rendering.database);

  const steps: MigrationStep[] = [];
  const step = async (name: string, statement: string, present: boolean, run: () => Promise<unknown>) => {
    if (!present && !dryRun) {
      await run().catch((error: unknown) => Promise.reject(migrationError(error, name, rendering.database)));
    }
    steps.push({ name, statement, outcome: present ? 'unchanged' : dryRun ? 'would apply' : 'applied' });
  };
  const command = (query: string) => () => client.command({ query });

  const known = recorded !== null;
  const createDatabase = renderSql('CREATE DATABASE IF NOT EXISTS {{database}} {{onCluster}}', rendering);
  const createRecord = renderSql(MIGRATIONS_TABLE, rendering);
  await step('database', createDatabase, known || engine !== null, command(createDatabase));
  await step('_migrations', createRecord, known, command(createRecord));
  for (const [index, file] of files.entries()) {
    const statement = renderSql(file.template, rendering);
    const view = replacedView(file);
    if (
      recorded?.has(file.name) !== true &&
      view !== null &&
      files.slice(index + 1).some((later) => replacedView(later) === view)
    ) {
      if (!dryRun) await recordApplied(client, rendering.database, file);
      steps.push({ name: file.name, statement, outcome: 'superseded' });
      continue;
    }
    await step(file.name, statement, recorded?.has(file.name) ?? false, async () => {
      await client.command({ query: statement });
      await recordApplied(client, rendering.database, file);
    });
  }
  for (const { name, statement } of history === undefined ? [] : await historyChanges(client, rendering, history)) {
    await step(name, statement, false, () => applyHistoryChange(client, name, statement));
  }
  return steps;
}

/** Drops everything that `migrate` has created, on every replica. */
export async function dropDatabase(client: ClickHouseClient, wanted: Rendering): Promise<void> {
  const engine = await databaseEngine(client, wanted.database);
  const statement = 'DROP DATABASE IF EXISTS {{database}} {{onCluster}}';
  await client.command({ query: renderSql(statement, renderingFor(engine, wanted)) });
}

/**
 * A database that replicates itself needs engines that replicate rows, and no ON CLUSTER. A database of ClickHouse
 * Cloud (`Shared`) needs neither: it chooses its own engines, and may refuse ON CLUSTER.
 */
function renderingFor(engine: string | null, wanted: Rendering): Rendering {
  if (engine === 'Shared') return { database: wanted.database };
  return engine === 'Replicated' ? { database: wanted.database, engines: 'replicated' } : wanted;
}

/** Null: the database does not exist yet. */
async function databaseEngine(client: ClickHouseClient, database: string): Promise<string | null> {
  const result = await client.query({
    query: 'SELECT engine FROM system.databases WHERE name = {database:String}',
    query_params: { database },
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ engine: string }>();
  return row?.engine ?? null;
}

/** The names and checksums of applied files. Null: none was applied yet. */
async function readRecorded(client: ClickHouseClient, database: string): Promise<ReadonlyMap<string, string> | null> {
  try {
    const result = await client.query({
      query: `SELECT name, argMin(checksum, applied_at) AS checksum FROM ${identifier(database)}._migrations GROUP BY name`,
      format: 'JSONEachRow',
    });
    const rows = await result.json<{ name: string; checksum: string }>();
    return new Map(rows.map(({ name, checksum }) => [name, checksum]));
  } catch (error) {
    const code = codeOf(error);
    if (code === UNKNOWN_TABLE || code === UNKNOWN_DATABASE) return null;
    throw error;
  }
}

/** A database of another version stays as it is, so that an older program cannot put an older schema back. */
function checkRecorded(recorded: ReadonlyMap<string, string>, files: readonly MigrationFile[], database: string): void {
  const checksums = new Map(files.map(({ name, checksum }) => [name, checksum]));
  const [unknown] = [...recorded.keys()].filter((name) => !checksums.has(name)).sort();
  if (unknown !== undefined) {
    throw new OperatorError(
      `ClickHouse database ${database}: migration ${unknown} was applied by another version of queuefold, and ` +
        'this one does not know it. Run the version that applied it, or a later one. Or let this version make new tables, ' +
        'which the sink fills from Kafka: drop the database or choose another CLICKHOUSE_DATABASE, then run ' +
        '`queuefold setup`. For `queuefold start`, remove the folder clickhouse of DATA_DIR or choose another DATA_DIR.',
    );
  }
  for (const [name, checksum] of recorded) {
    const ours = checksums.get(name);
    if (ours === undefined || ours === checksum) continue;
    throw new OperatorError(
      `ClickHouse database ${database}: schemas/clickhouse/${name} has changed since it was applied ` +
        `(checksum ${ours.slice(0, 12)}, applied ${checksum.slice(0, 12)}). Restore the file, and put the change ` +
        'into a new one.',
    );
  }
}

async function recordApplied(client: ClickHouseClient, database: string, file: MigrationFile): Promise<void> {
  await client.command({
    query:
      `INSERT INTO ${identifier(database)}._migrations (name, checksum) ` +
      `SETTINGS async_insert = 0 VALUES ('${file.name.replace(/['\\]/g, '\\$&')}', '${file.checksum}')`,
  });
}

import type { ClickHouseClient } from '@clickhouse/client';
import { OperatorError } from '../common/errors';
import { identifier } from './client';
import { UNKNOWN_DATABASE, UNKNOWN_TABLE, codeOf } from './errors';
import { readMigrations, renderSql, type MigrationFile, type Rendering } from './sql-files';

export interface MigrateOptions extends Rendering {
  /** Look and tell, change nothing. */
  readonly dryRun: boolean;
  /** Absent: those of the package. */
  readonly files?: readonly MigrationFile[];
}

export interface MigrationStep {
  /** The file's name; `database` and `_migrations` for what comes before the files. */
  readonly name: string;
  readonly statement: string;
  readonly outcome: 'applied' | 'would apply' | 'unchanged';
}

/** Ships with the code: what the files are recorded in cannot be one of them. */
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
 * Brings the database to this version's schema and tells, statement by statement, what it did. Every statement is
 * idempotent and is recorded after it: two runs at once, or one that was killed, do no harm.
 * Throws an OperatorError when an applied file has changed or is unknown.
 */
export async function migrate(client: ClickHouseClient, options: MigrateOptions): Promise<readonly MigrationStep[]> {
  const { dryRun, files = readMigrations(), ...rendering } = options;
  const recorded = await readRecorded(client, rendering.database);
  if (recorded !== null) checkRecorded(recorded, files, rendering.database);

  const steps: MigrationStep[] = [];
  const step = async (name: string, statement: string, present: boolean, record?: () => Promise<void>) => {
    if (!present && !dryRun) {
      await client.command({ query: statement });
      await record?.();
    }
    steps.push({ name, statement, outcome: present ? 'unchanged' : dryRun ? 'would apply' : 'applied' });
  };

  const known = recorded !== null;
  const createDatabase = renderSql('CREATE DATABASE IF NOT EXISTS {{database}} {{onCluster}}', rendering);
  await step('database', createDatabase, known || (await databaseExists(client, rendering.database)));
  await step('_migrations', renderSql(MIGRATIONS_TABLE, rendering), known);
  for (const file of files) {
    await step(file.name, renderSql(file.template, rendering), recorded?.has(file.name) ?? false, () =>
      recordApplied(client, rendering.database, file),
    );
  }
  return steps;
}

async function databaseExists(client: ClickHouseClient, database: string): Promise<boolean> {
  const result = await client.query({
    query: 'SELECT name FROM system.databases WHERE name = {database:String}',
    query_params: { database },
    format: 'JSONEachRow',
  });
  return (await result.json()).length > 0;
}

/** Names and checksums of what was applied; null where nothing was yet. */
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

function checkRecorded(recorded: ReadonlyMap<string, string>, files: readonly MigrationFile[], database: string): void {
  const checksums = new Map(files.map(({ name, checksum }) => [name, checksum]));
  for (const [name, checksum] of recorded) {
    const ours = checksums.get(name);
    if (ours === undefined) {
      throw new OperatorError(
        `ClickHouse database ${database}: migration ${name} was applied by another version of queuefold and is ` +
          'unknown to this one. Run the version that applied it, or a later one, or choose another CLICKHOUSE_DATABASE.',
      );
    }
    if (ours !== checksum) {
      throw new OperatorError(
        `ClickHouse database ${database}: schemas/clickhouse/${name} has changed since it was applied ` +
          `(checksum ${ours.slice(0, 12)}, applied ${checksum.slice(0, 12)}). Restore the file and put the change ` +
          'into a new one.',
      );
    }
  }
}

async function recordApplied(client: ClickHouseClient, database: string, file: MigrationFile): Promise<void> {
  await client.command({
    query:
      `INSERT INTO ${identifier(database)}._migrations (name, checksum) ` +
      `SETTINGS async_insert = 0 VALUES ('${file.name.replace(/['\\]/g, '\\$&')}', '${file.checksum}')`,
  });
}

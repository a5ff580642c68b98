import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../common';
import { identifier } from './client';

export interface MigrationFile {
  readonly name: string;
  /** The text of the file, with placeholders. */
  readonly template: string;
  /** SHA-256 of the text with its placeholders, so it is the same for every database and server. */
  readonly checksum: string;
}

/** The values of the placeholders. */
export interface Rendering {
  readonly database: string;
  /** For `ON CLUSTER`. Absent: a single server, ClickHouse Cloud, or a database that replicates itself. */
  readonly cluster?: string;
  /** Default: `replicated` with a cluster, else `plain`. ClickHouse Cloud turns `plain` into its own engine. */
  readonly engines?: 'plain' | 'replicated';
}

/** The statements, one for each file, in the order of the file names. */
export function readMigrations(folder = join(packageRoot(), 'schemas', 'clickhouse')): readonly MigrationFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      const template = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n');
      return { name, template, checksum: createHash('sha256').update(template).digest('hex') };
    });
}

/** The view that the statement replaces; null: it does something else. */
export function replacedView({ template }: MigrationFile): string | null {
  return /^CREATE OR REPLACE VIEW \{\{database\}\}\.(\w+)/m.exec(template)?.[1] ?? null;
}

/**
 * Fills in the placeholders. `{{database}}` is the quoted database, because names are always qualified. `{{onCluster}}`
 * and `{{replicated}}` are empty for a single server.
 */
export function renderSql(template: string, { database, cluster, engines }: Rendering): string {
  const replicated = (engines ?? (cluster === undefined ? 'plain' : 'replicated')) === 'replicated';
  const values: Readonly<Record<string, string>> = {
    database: identifier(database),
    onCluster: cluster === undefined ? '' : `ON CLUSTER ${identifier(cluster)}`,
    replicated: replicated ? 'Replicated' : '',
  };
  return template
    .replace(/\{\{(\w+)\}\}/g, (placeholder, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Error(`unknown placeholder ${placeholder}`);
      return value;
    })
    .replace(/[ \t]+$/gm, '')
    .trim();
}

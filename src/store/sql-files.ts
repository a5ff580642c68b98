import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../common/package-root';
import { identifier } from './client';

export interface MigrationFile {
  readonly name: string;
  /** As it stands in the file, with placeholders. */
  readonly template: string;
  /** SHA-256 of the template, so that it is the same for every database and every way to render it. */
  readonly checksum: string;
}

/** What the placeholders become. */
export interface Rendering {
  readonly database: string;
  /** Absent: a single server. */
  readonly cluster?: string;
}

/** One statement a file, in the order of their names. */
export function readMigrations(folder = join(packageRoot(), 'schemas', 'clickhouse')): readonly MigrationFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      const template = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n');
      return { name, template, checksum: createHash('sha256').update(template).digest('hex') };
    });
}

/**
 * Placeholders: `{{database}}` the quoted database (names are always qualified), `{{onCluster}}` and `{{replicated}}`
 * what a cluster needs and a single server does not.
 */
export function renderSql(template: string, { database, cluster }: Rendering): string {
  const values: Readonly<Record<string, string>> = {
    database: identifier(database),
    onCluster: cluster === undefined ? '' : `ON CLUSTER ${identifier(cluster)}`,
    replicated: cluster === undefined ? '' : 'Replicated',
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

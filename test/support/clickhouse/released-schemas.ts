import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readMigrations, type MigrationFile } from '../../../src/store/sql-files';

/** The migration files of each release, with their checksums. A release adds itself here. */
const released = JSON.parse(
  readFileSync(join(__dirname, '..', '..', 'fixtures', 'clickhouse', 'released.json'), 'utf8'),
) as Readonly<Record<string, Readonly<Record<string, string>>>>;

/** And this checkout, which will be a release. */
export const RELEASES = [
  ...Object.entries(released),
  ['this checkout', Object.fromEntries(readMigrations().map(({ name, checksum }) => [name, checksum]))] as const,
].map(([version, checksums]) => ({ version, checksums }));

/** Their texts in this checkout: files of a release never change. */
export function filesOf(checksums: Readonly<Record<string, string>>): readonly MigrationFile[] {
  return readMigrations().filter(({ name }) => name in checksums);
}

import { describe, expect, test } from '@jest/globals';
import { createEncoder, INSERT_COLUMNS, offsetOf, type StoreRow, versionOf, writeRow } from '../../../src/store/encode';
import { codeOf, isDataError, reasonOf } from '../../../src/store/errors';
import { dropDatabase, migrate } from '../../../src/store/migrations';
import { readMigrations, renderSql } from '../../../src/store/sql-files';
import { RELEASES, filesOf } from '../../support/clickhouse/released-schemas';
import { tombstone, upsert } from '../../support/clickhouse/store-rows';

describe('migration files', () => {
  test('render for a single server without a trace of a cluster, and for a cluster', () => {
    for (const { template } of readMigrations()) {
      const single = renderSql(template, { database: 'q`f' });
      expect(single).toContain('`q\\`f`.');
      expect(single).not.toMatch(/\{\{|ON CLUSTER|Replicated/);
      expect(renderSql(template, { database: 'qf', cluster: 'main' })).toContain('ON CLUSTER `main`');
    }
  });

  test('of a database that replicates itself have its engines, and no ON CLUSTER', () => {
    const rendered = readMigrations().map(({ template }) =>
      renderSql(template, { database: 'qf', engines: 'replicated' }),
    );
    expect(rendered.filter((sql) => sql.includes('ON CLUSTER'))).toEqual([]);
    expect(rendered.filter((sql) => /ENGINE = (?!Replicated)/.test(sql))).toEqual([]);
    expect(rendered.filter((sql) => sql.includes('ENGINE = Replicated')).length).toBeGreaterThan(3);
  });

  test.each(RELEASES)('are in version $version what they are now: a change is a new file', ({ checksums }) => {
    expect(Object.fromEntries(filesOf(checksums).map(({ name, checksum }) => [name, checksum]))).toEqual(checksums);
  });

  test('their checksum does not depend on the line ends of a checkout', () => {
    expect(readMigrations().every(({ template }) => !template.includes('\r'))).toBe(true);
  });
});

describe('an encoder', () => {
  const encode = (rows: readonly StoreRow[]) =>
    createEncoder<StoreRow>()(rows, (row, lines) => writeRow(row, 0, lines));

  test('writes one line a row, of the columns of the INSERT', () => {
    const { bytes, ends } = encode([upsert(1), tombstone(2, 'é"')]);
    const lines = bytes.toString().split('\n');
    expect(lines.map((line) => (line === '' ? 0 : (JSON.parse(line) as unknown[]).length))).toEqual([
      INSERT_COLUMNS.length,
      INSERT_COLUMNS.length,
      0,
    ]);
    expect(ends).toEqual([bytes.indexOf('\n') + 1, bytes.length]);
  });

  test('grows with what it is given', () => {
    const subject = '漢'.repeat(400_000);
    const { bytes } = encode([upsert(1, { subject }), upsert(2, { subject })]);
    expect(bytes.toString().split(subject)).toHaveLength(3);
  });

  test('a version is exact in every epoch, and gives its offset back in its own', () => {
    expect(versionOf(65_535, 2 ** 48 - 1)).toBe((2n ** 64n - 1n).toString());
    expect(offsetOf(65_535, versionOf(65_535, 12_345))).toBe(12_345);
    expect(offsetOf(1, versionOf(0, 12_345))).toBeNull();
  });
});

describe('errors of the store', () => {
  test('only what a row can cause is an error of the data', () => {
    for (const code of ['27', '41', 117]) expect(isDataError(Object.assign(new Error(), { code }))).toBe(true);
    // Transient ones, a missing table, a wrong password, the network: no reason to give a row up.
    for (const code of [
      '3',
      '159',
      '202',
      '209',
      '210',
      '241',
      '252',
      '285',
      '319',
      '425',
      '999',
      '60',
      '516',
      'ECONNRESET',
    ]) {
      expect(isDataError(Object.assign(new Error(), { code }))).toBe(false);
    }
    expect(isDataError('text')).toBe(false);
  });

  test('have a bounded name for metrics', () => {
    expect(reasonOf(Object.assign(new Error(), { code: '252', type: 'TOO_MANY_PARTS' }))).toBe('TOO_MANY_PARTS');
    expect(reasonOf(Object.assign(new Error(), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
    expect(reasonOf(new Error('socket hang up'))).toBe('NETWORK');
    expect(codeOf(null)).toBeNull();
  });
});

test.each([
  [null, undefined, ''],
  ['Atomic', 'main', ' ON CLUSTER `main`'],
  ['Replicated', 'main', ''],
])('a database with the engine %s is dropped where it was made (cluster %s)', async (engine, cluster, onCluster) => {
  const commands: string[] = [];
  const client = {
    query: () => Promise.resolve({ json: () => Promise.resolve(engine === null ? [] : [{ engine }]) }),
    command: ({ query }: { query: string }) => Promise.resolve(commands.push(query)),
  };
  await dropDatabase(client as never, { database: 'q', ...(cluster === undefined ? {} : { cluster }) });
  expect(commands).toEqual([`DROP DATABASE IF EXISTS \`q\`${onCluster}`]);
});

describe('what prevents a migration', () => {
  const clientThat = (command: () => Promise<unknown>, version = '26.7.2.1') =>
    ({
      query: ({ query }: { query: string }) =>
        query.includes('_migrations')
          ? Promise.reject(Object.assign(new Error('no such table'), { code: '60' }))
          : Promise.resolve({ json: () => Promise.resolve(query.includes('version()') ? [{ version }] : []) }),
      command,
    }) as never;
  const denied = (words: string) => Object.assign(new Error(words), { code: '497', type: 'ACCESS_DENIED' });
  const run = (client: never) => migrate(client, { database: 'qf', dryRun: false });

  test('a server that is too old is refused before anything is changed', async () => {
    const command = () => Promise.reject(new Error('nothing may be run'));
    await expect(run(clientThat(command, '24.7.9.1'))).rejects.toThrow(
      'ClickHouse 24.7.9.1 is too old: 24.8 or later is needed.',
    );
    await expect(run(clientThat(() => Promise.resolve(), '24.8.1.1'))).resolves.not.toHaveLength(0);
  });

  test('a missing right is named as the GRANT that gives it', async () => {
    // As src/Access/ContextAccess.cpp words it.
    const said =
      "alice: Not enough privileges. To execute this query, it's necessary to have the grant CREATE DATABASE ON qf.*. ";
    await expect(run(clientThat(() => Promise.reject(denied(said))))).rejects.toThrow(
      /database: the user alice lacks a right.*Missing: GRANT CREATE DATABASE ON qf\.\* TO alice\..*GRANT CREATE DATABASE, CREATE TABLE/,
    );
  });

  test('other refusals name the file, in the words of ClickHouse', async () => {
    const error = Object.assign(new Error('No macro shard in config'), { code: '62', type: 'SYNTAX_ERROR' });
    await expect(run(clientThat(() => Promise.reject(error)))).rejects.toThrow(
      'ClickHouse database qf: database: Code: 62. No macro shard in config (SYNTAX_ERROR).',
    );
  });
});

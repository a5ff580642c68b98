import { describe, expect, test } from '@jest/globals';
import { INSERT_COLUMNS, encodeRows, offsetOf, versionOf } from '../../../src/store/encode';
import { codeOf, isDataError, reasonOf } from '../../../src/store/errors';
import { readMigrations, renderSql } from '../../../src/store/sql-files';
import { tombstone, upsert } from '../../support/store-rows';

describe('migration files', () => {
  test('render for a single server without a trace of a cluster, and for a cluster', () => {
    for (const { template } of readMigrations()) {
      const single = renderSql(template, { database: 'q`f' });
      expect(single).toContain('`q\\`f`.');
      expect(single).not.toMatch(/\{\{|ON CLUSTER|Replicated/);
      // Rows need no ON CLUSTER: replicas get them from one another.
      const expected = template.includes('INSERT INTO') ? 'INSERT INTO `qf`.' : 'ON CLUSTER `main`';
      expect(renderSql(template, { database: 'qf', cluster: 'main' })).toContain(expected);
    }
  });

  test('their checksum does not depend on the line ends of a checkout', () => {
    expect(readMigrations().every(({ template }) => !template.includes('\r'))).toBe(true);
  });
});

describe('encodeRows', () => {
  test('writes one line a row, of the columns of the INSERT', () => {
    const { bytes, ends } = encodeRows([upsert(1), tombstone(2, 'é"')], 0);
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
    const { bytes } = encodeRows([upsert(1, { subject }), upsert(2, { subject })], 0);
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

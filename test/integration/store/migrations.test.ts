import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TABLE_COLUMNS } from '../../../src/conversation/row';
import { migrate, type MigrationStep } from '../../../src/store/migrations';
import { readMigrations, renderSql } from '../../../src/store/sql-files';
import { storeForTests, type TestStore } from '../../support/store';

describe('migrate', () => {
  let tests: TestStore;
  beforeEach(async () => {
    tests = await storeForTests({ migrated: false });
  });
  afterEach(() => tests.close());

  const run = (options: Partial<Parameters<typeof migrate>[1]> = {}): Promise<readonly MigrationStep[]> =>
    migrate(tests.store.client, { database: tests.store.database, dryRun: false, ...options });
  const outcomes = (steps: readonly MigrationStep[]) => [...new Set(steps.map(({ outcome }) => outcome))];
  const tables = async () =>
    (await tests.rows(`SELECT name FROM system.tables WHERE database = '${tests.store.database}' ORDER BY name`)).map(
      ({ name }) => name,
    );

  test('creates everything once, and changes nothing the second time', async () => {
    expect(outcomes(await run())).toEqual(['applied']);
    expect(await tables()).toEqual([
      '_migrations',
      'queue_conversation',
      'queue_conversation_at',
      'queue_conversation_changes',
      'queue_conversation_history',
      'queue_conversation_lives',
      'queue_conversation_lives_mv',
      'queue_conversation_progress',
      'queue_conversation_state',
      'queue_conversation_state_mv',
      'queue_live',
    ]);
    expect(outcomes(await run())).toEqual(['unchanged']);
  });

  test('a dry run tells the statements and creates nothing, not even the database', async () => {
    const steps = await run({ dryRun: true });
    expect(outcomes(steps)).toEqual(['would apply']);
    expect(steps[0]?.statement).toBe(`CREATE DATABASE IF NOT EXISTS \`${tests.store.database}\``);
    expect(await tables()).toEqual([]);
    await run();
    expect(outcomes(await run({ dryRun: true }))).toEqual(['unchanged']);
  });

  test('two at once do no harm', async () => {
    await Promise.all([run(), run()]);
    expect(outcomes(await run())).toEqual(['unchanged']);
  });

  test('continues where a killed run stopped', async () => {
    const files = readMigrations();
    await run({ files: files.slice(0, 3) });
    const steps = await run();
    expect(steps.filter(({ outcome }) => outcome === 'applied').map(({ name }) => name)).toEqual(
      files.slice(3).map(({ name }) => name),
    );
  });

  test('refuses an applied file that has changed, and one that it does not know', async () => {
    const files = readMigrations();
    await run();
    const changed = files.map((file) => (file.name === '005_queue_live.sql' ? { ...file, checksum: 'other' } : file));
    await expect(run({ files: changed })).rejects.toThrow(/005_queue_live\.sql has changed since it was applied/);
    await expect(run({ files: files.slice(0, 5) })).rejects.toThrow(/006_progress\.sql was applied by another version/);
  });

  test('the view has exactly the 22 columns of the specification, in its order', async () => {
    await run();
    const columns = await tests.rows(
      `SELECT name FROM system.columns WHERE database = '${tests.store.database}' AND table = 'queue_conversation' ORDER BY position`,
    );
    expect(columns.map(({ name }) => name)).toEqual(TABLE_COLUMNS);
  });

  test('the rendering for a cluster is SQL, as ClickHouse itself parses it', async () => {
    for (const { name, template } of readMigrations()) {
      const sql = renderSql(template, { database: 'queuefold', cluster: 'main' });
      const [row] = await tests.rows(`SELECT formatQueryOrNull('${sql.replace(/[\\']/g, '\\$&')}') AS formatted`);
      // Rows need no ON CLUSTER: replicas get them from one another.
      const expected = template.includes('INSERT INTO') ? 'INSERT INTO queuefold.' : 'ON CLUSTER main';
      expect(`${name}: ${String(row?.['formatted'])}`).toContain(expected);
    }
  });
});

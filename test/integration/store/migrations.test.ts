import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TABLE_COLUMNS, VISIT_COLUMNS } from '../../../src/conversation';
import { migrate, type MigrationStep } from '../../../src/store/migrations';
import { readMigrations } from '../../../src/store/sql-files';
import { RELEASES, filesOf } from '../../support/clickhouse/released-schemas';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { tombstone, upsert, writerInto } from '../../support/clickhouse/store-rows';

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
      'names',
      'queue_conversation',
      'queue_conversation_at',
      'queue_conversation_changes',
      'queue_conversation_epochs',
      'queue_conversation_erasures',
      'queue_conversation_history',
      'queue_conversation_lives',
      'queue_conversation_lives_mv',
      'queue_conversation_named',
      'queue_conversation_progress',
      'queue_conversation_state',
      'queue_conversation_state_mv',
      'queue_intervals',
      'queue_live',
      'queue_visit',
      'queue_visit_named',
      'queue_visit_state',
      'queue_visit_times',
      'queue_visit_times_mv',
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
    const changed = files.map((file) => (file.name === '014_queue_live.sql' ? { ...file, checksum: 'other' } : file));
    await expect(run({ files: changed })).rejects.toThrow(/014_queue_live\.sql has changed since it was applied/);
    await expect(run({ files: files.slice(0, 5) })).rejects.toThrow(/006_progress\.sql was applied by another version/);
    expect(outcomes(await run())).toEqual(['unchanged']);
  });

  test('refuses tables of an earlier version, as they are in a data directory say, and tells the ways out', async () => {
    const [first, ...others] = readMigrations();
    if (first === undefined) throw new Error('no migrations');
    // Files with the same names had other contents then.
    const earlier = [
      first,
      ...others.map((file) => ({ ...file, checksum: 'other' })),
      { ...first, name: '020_lives.sql' },
    ];
    await run({ files: earlier });
    await expect(run()).rejects.toThrow(
      /migration 020_lives\.sql was applied by another version .*CLICKHOUSE_DATABASE, then run `queuefold setup`. For `queuefold start`, remove the folder clickhouse of DATA_DIR/,
    );
  });

  test('two files that replace one view: the later one is what counts, and a run that is behind cannot put the older back', async () => {
    const view = (name: string, answer: number) => ({
      name,
      checksum: String(answer),
      template: `CREATE OR REPLACE VIEW {{database}}.answer {{onCluster}} AS SELECT ${answer} AS a`,
    });
    const files = [view('1.sql', 1), view('2.sql', 2)];
    const steps = await run({ files });
    expect(steps.slice(-2).map(({ outcome }) => outcome)).toEqual(['superseded', 'applied']);
    expect(await tests.rows(`SELECT a FROM \`${tests.store.database}\`.answer`)).toEqual([{ a: 2 }]);
    expect(outcomes(await run({ files }))).toEqual(['unchanged']);
  });

  test('after a failure the file is not recorded, and the next run does it again', async () => {
    const bad = {
      name: '1.sql',
      checksum: '1',
      template: 'CREATE VIEW {{database}}.v AS SELECT * FROM {{database}}.nowhere',
    };
    await expect(run({ files: [bad] })).rejects.toThrow(/1\.sql: Code: 60\..*UNKNOWN_TABLE/);
    const good = { ...bad, template: 'CREATE VIEW {{database}}.v AS SELECT 1 AS a' };
    expect((await run({ files: [good] })).at(-1)).toMatchObject({ name: '1.sql', outcome: 'applied' });
  });

  test.each(RELEASES)(
    'from the schema of $version with its data: the same tables as new ones, and the same answers',
    async ({ checksums }) => {
      await run({ files: filesOf(checksums) });
      const writer = writerInto(tests.store);
      await writer.put(upsert(1), upsert(2, { conversation_id: 'c2' }), tombstone(3));
      await run();
      const shape = async (database: string) => ({
        columns: await tests.rows(
          `SELECT table, name, type, default_expression, comment FROM system.columns WHERE database = '${database}' ORDER BY table, position`,
        ),
        tables: (
          await tests.rows(
            `SELECT name, engine_full, as_select, create_table_query FROM system.tables WHERE database = '${database}' ORDER BY name`,
          )
        ).map((table) => JSON.stringify(table).replaceAll(database, 'DB')),
      });
      const fresh = await storeForTests({ beside: tests });
      expect(await shape(tests.store.database)).toEqual(await shape(fresh.store.database));
      await fresh.close();
      expect(
        await tests.rows(`SELECT conversation_id AS id FROM \`${tests.store.database}\`.queue_conversation`),
      ).toEqual([{ id: 'c2' }]);
      // What was there before is found by all views.
      const at = `SELECT conversation_id AS id FROM \`${tests.store.database}\`.queue_conversation_at(at = '2026-03-01 12:00:06') ORDER BY id`;
      expect(await tests.rows(at)).toEqual([{ id: 'c1' }, { id: 'c2' }]);
    },
  );

  test.each([
    ['queue_conversation', TABLE_COLUMNS],
    ['queue_visit', VISIT_COLUMNS],
  ])(
    '%s has exactly the columns of the specification, in its order, also when a table has one more',
    async (view, specified) => {
      const more = (template: string): string =>
        template.replace(/^ {4}_version +UInt64/m, (column) => `    one_more String DEFAULT 'x',\n${column}`);
      const files = readMigrations().map((file) => ({ ...file, template: more(file.template) }));
      expect(files.filter(({ template }) => template.includes('one_more')).map(({ name }) => name)).toEqual([
        '001_state.sql',
        '015_visit_state.sql',
      ]);
      await run({ files });
      const writer = writerInto(tests.store);
      await writer.put(upsert(1));
      expect(await tests.rows(`SELECT one_more FROM \`${tests.store.database}\`.queue_conversation_state`)).toEqual([
        { one_more: 'x' },
      ]);
      const columns = await tests.rows(
        `SELECT name FROM system.columns WHERE database = '${tests.store.database}' AND table = '${view}' ORDER BY position`,
      );
      expect(columns.map(({ name }) => name)).toEqual(specified);
    },
  );
});

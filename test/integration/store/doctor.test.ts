import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkClickHouse } from '../../../src/store/clickhouse-doctor';
import { connectStore, type Store } from '../../../src/store/client';
import { migrate } from '../../../src/store/migrations';
import { readMigrations } from '../../../src/store/sql-files';
import { answeringClickHouse } from '../../support/clickhouse/answering-clickhouse';
import { serverForTests, type TestServer } from '../../support/clickhouse/clickhouse-server';

const named = async (store: Store) => {
  const findings = await checkClickHouse({ store });
  await store.close();
  return Object.fromEntries(findings.map((finding) => [finding.name, finding]));
};

describe('a doctor at ClickHouse', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await serverForTests();
  });
  afterAll(() => server.dispose());

  test('misses the tables before setup, and finds all well after it', async () => {
    const database = server.newDatabase();
    const before = await named(server.connect(database));
    expect(before['clickhouse']).toMatchObject({ outcome: 'ok', detail: expect.stringMatching(/^version \d+\.\d+/) });
    expect(before['clickhouse migrations']).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining(`not applied to ${database}: database, _migrations, 001_state.sql`),
      remedy: 'Run `queuefold setup`.',
    });
    const store = server.connect(database);
    await migrate(store.client, { database, dryRun: false });
    await store.close();
    const after = Object.values(await named(server.connect(database)));
    expect(after.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect(after.map(({ detail }) => detail)).toContain(`all ${readMigrations().length} are applied to ${database}`);
  });

  test('tells a migration that has changed since it was applied', async () => {
    const database = server.newDatabase();
    const store = server.connect(database);
    await migrate(store.client, { database, dryRun: false });
    await store.client.command({
      query: `INSERT INTO ${database}._migrations (name, checksum, applied_at) VALUES ('001_state.sql', 'other', now64(3) - 60)`,
    });
    await store.close();
    expect((await named(server.connect(database)))['clickhouse migrations']).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('schemas/clickhouse/001_state.sql has changed since it was applied'),
    });
  });
});

describe('a doctor at a ClickHouse that says', () => {
  const PASSWORD = 'marked-password-33';
  let server: Awaited<ReturnType<typeof answeringClickHouse>>;
  let answers: (sql: string) => string | { readonly status: number; readonly code: number; readonly text: string };
  beforeAll(async () => {
    server = await answeringClickHouse((sql) => answers(sql));
  });
  afterAll(() => server.stop());

  const healthy = (sql: string): string => {
    if (sql.includes('version()')) return '{"version":"26.7.2.1"}\n';
    if (sql.includes('now64')) return `{"now":"${Date.now()}"}\n`;
    return sql.startsWith('CHECK GRANT') ? '1\n' : '';
  };
  const look = () => named(connectStore({ url: server.url, username: 'me', password: PASSWORD, database: 'q' }));
  const refusal = (code: number, text: string) => ({ status: 500, code, text });

  test('an old version', async () => {
    answers = (sql) => (sql.includes('version()') ? '{"version":"24.7.1.1"}\n' : healthy(sql));
    expect((await look())['clickhouse']).toMatchObject({
      outcome: 'failed',
      remedy: 'Upgrade ClickHouse: queuefold needs 24.8 or later.',
    });
  });

  test('that the password is wrong: the rest is skipped, and the password not shown', async () => {
    answers = () => refusal(516, 'Code: 516. DB::Exception: me: Authentication failed. (AUTHENTICATION_FAILED)');
    const findings = await look();
    expect(findings['clickhouse']?.detail).toContain('Check CLICKHOUSE_USERNAME and CLICKHOUSE_PASSWORD');
    expect(findings['clickhouse grants']?.outcome).toBe('skipped');
    expect(JSON.stringify(findings)).not.toContain(PASSWORD);
  });

  test('that INSERT and CREATE VIEW are not granted', async () => {
    answers = (sql) => (/GRANT (INSERT|CREATE VIEW)/.test(sql) ? '0\n' : healthy(sql));
    expect((await look())['clickhouse grants']).toMatchObject({
      outcome: 'failed',
      detail: 'the sink lacks INSERT',
      remedy: 'GRANT INSERT, CREATE VIEW ON `q`.* TO …',
    });
  });

  test('that only setup lacks something', async () => {
    answers = (sql) => (sql.includes('GRANT CREATE TABLE') ? '0\n' : healthy(sql));
    const { 'clickhouse grants': grants } = await look();
    expect(grants).toMatchObject({ outcome: 'warning', detail: expect.stringContaining('lacks CREATE TABLE') });
  });

  test('that it does not know the question', async () => {
    answers = (sql) =>
      sql.startsWith('CHECK') ? refusal(62, 'Code: 62. DB::Exception: Syntax error (SYNTAX_ERROR)') : healthy(sql);
    expect((await look())['clickhouse grants']).toMatchObject({ outcome: 'skipped' });
  });

  test('which grant is missing to read its migrations', async () => {
    answers = (sql) =>
      sql.includes('_migrations')
        ? refusal(
            497,
            'Code: 497. DB::Exception: me: Not enough privileges. To execute this query, it’s necessary to have the grant SELECT(name, checksum) ON q._migrations. (ACCESS_DENIED)',
          )
        : healthy(sql);
    expect((await look())['clickhouse migrations']).toMatchObject({
      outcome: 'failed',
      remedy: 'GRANT SELECT(name, checksum) ON q._migrations TO …',
    });
  });

  test.each([
    [3_000, 'warning', 'behind'],
    [-30_000, 'failed', 'ahead of'],
  ])('a time that is off by %d ms', async (offMs, outcome, direction) => {
    answers = (sql) => (sql.includes('now64') ? `{"now":"${Date.now() + offMs}"}\n` : healthy(sql));
    const { 'clickhouse clock': clock } = await look();
    expect(clock).toMatchObject({ outcome, detail: expect.stringContaining(` s ${direction} that of ClickHouse`) });
  });

  test('nothing, because it is not there', async () => {
    const store = connectStore({ url: 'http://127.0.0.1:2', username: 'me', password: PASSWORD, database: 'q' });
    const findings = await named(store);
    expect(findings['clickhouse']).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('CLICKHOUSE_URL: cannot reach'),
    });
    expect(findings['clickhouse migrations']?.detail).toBe('ClickHouse does not answer');
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  bearing,
  type ClickHouseHttp,
  type EmbeddedClickHouse,
  openEmbeddedClickHouse,
  rememberClickHouse,
  serveClickHouseHttp,
} from '../../../src/embedded';
import { connectStore, migrate, type Store } from '../../../src/store';
import { serverForTests, type TestServer } from '../../support/clickhouse/clickhouse-server';
import { queryWith, type Query } from '../../support/clickhouse/query';
import { upsert, writerInto } from '../../support/clickhouse/store-rows';

async function fill(store: Store): Promise<void> {
  await migrate(store.client, { database: store.database, dryRun: false });
  await writerInto(store).put(upsert(1), upsert(2, { conversation_id: 'c2', subject: '漢字 "x"\u001b[31m' }));
  await store.close();
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queuefold-query-'));
  const engine = await openEmbeddedClickHouse({ dataDir: folder });
  const store = connectStore({ connection: engine.connection(), database: 'queuefold_demo', where: engine.path });
  await fill(store);
  await engine.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const query = queryWith(() => ({ DATA_DIR: folder }));

const commonBehaviour = (query: Query): void => {
  test('prints a table, numbers to the right, texts of others harmless', async () => {
    expect(
      (await query("SELECT * FROM values('name String, n UInt16', ('a', 1), ('longer\x1b[31m', 1000))")).stdout,
    ).toBe(['name            n', '───────────  ────', 'a               1', 'longer\ufffd[31m  1000', ''].join('\n'));
  });

  test('cuts columns to the terminal, and writes rows one below the other where they do not fit', async () => {
    const sql = "SELECT repeat('x', 50) AS a, repeat('y', 50) AS b";
    const { stdout } = await query(sql, {}, [], { columns: 40 });
    expect(stdout.split('\n').map((line) => line.length)).toEqual([22, 40, 40, 0]);
    const narrow = await query('SELECT * FROM queue_conversation', {}, [], { columns: 80 });
    expect(narrow.stdout).toContain('Row 2\nconversation_id   c2\n');
    expect(Math.max(...narrow.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test('without SQL it shows the live table; unqualified names work', async () => {
    const { code, stdout } = await query();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^conversation_id\s+queue_name\s+media_type/);
    expect(stdout.split('\n').filter((line) => /^c[12]\s+q1\s+Voice/.test(line))).toHaveLength(2);
    expect((await query('SELECT count() FROM queue_conversation', { format: 'TSV' })).stdout).toBe('2\n');
  });

  test('knows formats by its own names and by those of ClickHouse, and a FORMAT in the statement', async () => {
    const sql = "SELECT 1 AS a, 'x' AS b";
    expect(JSON.parse((await query(sql, { format: 'json' })).stdout)).toMatchObject({ data: [{ a: 1, b: 'x' }] });
    expect((await query(sql, { format: 'ndjson' })).stdout).toBe('{"a":1,"b":"x"}\n');
    expect((await query(sql, { format: 'csv' })).stdout).toBe('"a","b"\n1,"x"\n');
    expect((await query(sql, { format: 'TabSeparatedWithNames' })).stdout).toBe('a\tb\n1\tx\n');
    expect((await query(`${sql} FORMAT CSV`)).stdout).toBe('1,"x"\n');
  });

  test('takes parameters, and SQL from stdin', async () => {
    const sql = 'SELECT {a:UInt8} + 1 AS x, {b:String} AS y';
    const { stdout } = await query('-', { format: 'ndjson' }, ['--param_a=41', '--param_b', "it's"], { stdin: sql });
    expect(stdout).toBe(`{"x":42,"y":"it's"}\n`);
  });

  test('takes them before the statement, too, and a statement that begins with a comment', async () => {
    const sql = '-- a comment\nSELECT {a:UInt8} AS x';
    expect((await query('--param_a', { format: 'ndjson' }, ['7', sql])).stdout).toBe('{"x":7}\n');
  });

  test('what ClickHouse refuses is said in its words, with exit code 1', async () => {
    expect(await query('SELEC 1')).toMatchObject({ code: 1, stdout: '' });
    expect((await query('SELEC 1')).stderr).toMatch(
      /^Code: 62\. DB::Exception: Syntax error: failed at position 1 \(SELEC\)/,
    );
    expect((await query('DROP TABLE queue_conversation')).stderr).toMatch(/readonly mode\. \(READONLY\)/);
    const { code, stderr } = await query('SELECT 1', { format: 'nope' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Code: 73\. DB::Exception: Unknown format nope\b/);
  });

  test('--watch shows it each second until it is told to stop', async () => {
    const twice = (stdout: string) => stdout.split('now\n').length > 2;
    const { code, stdout } = await query("SELECT 'now'", { format: 'TSV', watch: true }, [], { endWhen: twice });
    expect({ code, stdout }).toEqual({ code: 143, stdout: 'now\n\nnow\n\n' });
  });

  test('--watch marks what has changed since', async () => {
    const sql = "SELECT 'x' AS same, toUnixTimestamp(now64()) AS changing";
    const tables = (stdout: string) => stdout.split('\n\n');
    const { stdout } = await query(sql, { watch: true }, [], {
      endWhen: (text) => tables(text).length > 2,
    });
    expect(tables(stdout)[0]).toMatch(/\nx {6}\d+$/);
    expect(tables(stdout)[1]).toMatch(/\nx {6}\d+\*$/);
  });

  test('what ClickHouse refuses in a statement of several lines is said with its place', async () => {
    const { stderr } = await query("SELECT '\\n',\n  1 +\n) FROM queue_conversation");
    expect(stderr).toMatch(/^Code: 62\. DB::Exception: Syntax error: failed at position \d+ .*line 3, col \d+/);
    const { stderr: unknown } = await query('SELECT nothing FROM queue_conversation');
    expect(unknown).toMatch(/^Code: 47\. DB::Exception: .*`nothing`.*UNKNOWN_IDENTIFIER/);
  });
};

describe('queuefold query on a data directory that nobody has open', () => {
  commonBehaviour(query);

  test('--write lets it change things', async () => {
    expect(await query('CREATE TABLE notes (a UInt8) ENGINE = MergeTree ORDER BY a', { write: true })).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect((await query("SHOW TABLES LIKE 'notes'", { format: 'TSV' })).stdout).toBe('notes\n');
  });
});

describe('queuefold query beside a running start', () => {
  let engine: EmbeddedClickHouse;
  let http: ClickHouseHttp;
  let forget: () => Promise<void>;
  beforeEach(async () => {
    engine = await openEmbeddedClickHouse({ dataDir: folder });
    http = await serveClickHouseHttp(engine, {
      port: 0,
      host: '127.0.0.1',
      admits: bearing('the-token'),
      readOnly: true,
      database: 'queuefold_demo',
    });
    forget = await rememberClickHouse(folder, { url: http.url, token: 'the-token' });
  });
  afterEach(async () => {
    await forget();
    await http.close();
    await engine.close();
  });

  commonBehaviour(query);

  test('--write is refused, with what to do', async () => {
    await expect(query('DROP TABLE names', { write: true })).rejects.toThrow(
      `--write: the ClickHouse of process ${process.pid} (\`queuefold start\`) is read-only for others. End that process`,
    );
  });

  test('a server of CLICKHOUSE_URL comes first', async () => {
    await forget();
    const env = { CLICKHOUSE_URL: http.url, CLICKHOUSE_DATABASE: 'system', CLICKHOUSE_PASSWORD: 'the-token' };
    expect((await query('SELECT currentDatabase()', { format: 'TSV' }, [], { env })).stdout).toBe('system\n');
  });
});

describe('queuefold query at a server', () => {
  let server: TestServer;
  let database: string;
  beforeAll(async () => {
    server = await serverForTests();
    database = server.newDatabase();
    await fill(server.connect(database));
  });
  afterAll(() => server.dispose());
  const query = queryWith(() => server.env(database));

  commonBehaviour(query);

  test('a statement may have settings of its own, and still change nothing', async () => {
    const { stdout } = await query("SELECT getSetting('max_threads') SETTINGS max_threads = 3", { format: 'TSV' });
    expect(stdout).toBe('3\n');
    const { code, stderr } = await query('INSERT INTO names SETTINGS readonly = 0 SELECT * FROM names');
    expect(code).toBe(1);
    expect(stderr).toMatch(/READONLY/);
  });

  test('says what creates the tables where they are missing; a statement of the user’s is the user’s', async () => {
    for (const missing of ['system', 'nowhere']) {
      const env = { CLICKHOUSE_DATABASE: missing };
      const { code, stderr } = await query(undefined, {}, [], { env });
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(
          new RegExp(`^Code: \\d+.*\\nqueuefold: CLICKHOUSE_DATABASE: ${missing} lacks tables .*setup`, 's'),
        ),
      ]);
      const own = await query('SELECT * FROM queue_live', {}, [], { env });
      expect([own.code, own.stderr]).toEqual([1, expect.stringMatching(/^Code: \d+[^\n]*\n$/)]);
    }
  });

  test('--write lets it change things', async () => {
    const create = 'CREATE TABLE notes (a UInt8) ENGINE = MergeTree ORDER BY a';
    expect(await query(create, { write: true })).toMatchObject({ code: 0, stderr: '' });
    expect((await query("SHOW TABLES LIKE 'notes'", { format: 'TSV' })).stdout).toBe('notes\n');
  });
});

describe('queuefold query', () => {
  test('a file that a killed start left does not mislead it', async () => {
    await writeFile(join(folder, 'clickhouse-http.json'), JSON.stringify({ url: 'http://127.0.0.1:1', pid: 1 }));
    expect((await query('SELECT 1', { format: 'TSV' })).stdout).toBe('1\n');
    await rm(join(folder, 'clickhouse-http.json'));
  });

  test('says what to do where there is nothing to ask', async () => {
    const env = { DATA_DIR: join(folder, 'nowhere') };
    await expect(query('SELECT 1', {}, [], { env })).rejects.toThrow(
      /no ClickHouse runs in this folder.*queuefold start/,
    );
    const unreachable = { CLICKHOUSE_URL: 'http://127.0.0.1:1' };
    await expect(query('SELECT 1', {}, [], { env: unreachable })).rejects.toThrow(
      /CLICKHOUSE_URL: cannot reach ClickHouse at/,
    );
  });

  test('wrong usage is told apart: exit code 2', async () => {
    const usage = { exitCode: 2 };
    await expect(query('SELECT 1', {}, ['--formt', 'csv'])).rejects.toMatchObject(usage);
    await expect(query('SELECT 1', {}, ['--param_a'])).rejects.toMatchObject(usage);
    await expect(query('-', {}, [], { stdin: ' \n' })).rejects.toMatchObject(usage);
    await expect(query('SELECT 1', { format: 'a b' })).rejects.toMatchObject(usage);
    await expect(query('SELECT', {}, ['1'])).rejects.toThrow(
      '1: "SELECT" is already a statement, and only one is allowed.',
    );
  });
});

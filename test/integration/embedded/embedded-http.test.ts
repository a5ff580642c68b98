import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openEmbeddedClickHouse, type EmbeddedClickHouse } from '../../../src/embedded/clickhouse/clickhouse';
import { serveClickHouseHttp, type ClickHouseHttp } from '../../../src/embedded/clickhouse/engine-http';
import { connectStore, migrate } from '../../../src/store';
import { clickHouseProcess } from '../../support/clickhouse/clickhouse-process';
import { upsert, writerInto } from '../../support/clickhouse/store-rows';

const run = promisify(execFile);
let folder: string;
let engine: EmbeddedClickHouse;
let readOnly: ClickHouseHttp;
let readWrite: ClickHouseHttp;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queuefold-http-'));
  engine = await openEmbeddedClickHouse({ dataDir: folder });
  const store = connectStore({ connection: engine.connection(), database: 'demo', where: engine.path });
  await migrate(store.client, { database: 'demo', dryRun: false });
  await writerInto(store).put(upsert(1), upsert(2, { conversation_id: 'c2', subject: `it's "quoted"\n` }));
  await store.close();
  const options = { port: 0, host: '127.0.0.1', database: 'demo', admits: () => true } as const;
  readOnly = await serveClickHouseHttp(engine, { ...options, readOnly: true });
  readWrite = await serveClickHouseHttp(engine, { ...options, readOnly: false });
});
afterAll(async () => {
  await readOnly.close();
  await readWrite.close();
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

async function post(server: ClickHouseHttp, sql: string, query: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/?${new URLSearchParams(query).toString()}`, {
    method: 'POST',
    body: sql,
  });
  return {
    status: response.status,
    text: await response.text(),
    code: response.headers.get('X-ClickHouse-Exception-Code'),
  };
}

describe('the embedded ClickHouse over HTTP', () => {
  test('answers curl as a server does', async () => {
    const { stdout } = await run('curl', ['-sS', `${readOnly.url}/?query=SELECT+1`]);
    expect(stdout).toBe('1\n');
    const posted = await run('curl', [
      '-sS',
      readOnly.url,
      '-d',
      'SELECT count() FROM queue_conversation FORMAT JSONEachRow',
    ]);
    expect(posted.stdout).toBe('{"count()":2}\n');
    expect((await run('curl', ['-sS', `${readOnly.url}/ping`])).stdout).toBe('Ok.\n');
  });

  test('knows database, default_format and param_', async () => {
    expect(await post(readOnly, 'SELECT currentDatabase()', { database: 'system' })).toMatchObject({
      text: 'system\n',
    });
    expect(await post(readOnly, 'SELECT 1 AS a', { default_format: 'JSONEachRow' })).toMatchObject({
      text: '{"a":1}\n',
    });
    const sql = 'SELECT {t:String}, {n:UInt32} + 1, {a:Array(String)}, {x:Nullable(String)} FORMAT JSONCompactEachRow';
    const values = { param_t: String.raw`it's\ta\\b`, param_n: '41', param_a: `['x','y']`, param_x: String.raw`\N` };
    expect(JSON.parse((await post(readOnly, sql, values)).text)).toEqual(["it's\ta\\b", 42, ['x', 'y'], null]);
  });

  test('says what is wrong in the words, with the code and the status of a server', async () => {
    const syntax = await post(readOnly, 'SELEC 1');
    expect(syntax).toMatchObject({ status: 400, code: '62' });
    expect(syntax.text).toMatch(/^Code: 62\. DB::Exception: Syntax error: failed at position 1 \(SELEC\)/);
    expect(syntax.text).not.toContain('formatQuery');
    expect(await post(readOnly, 'SELECT * FROM nowhere')).toMatchObject({ status: 404, code: '60' });
    expect(await post(readOnly, 'SELECT 1', { database: 'nowhere' })).toMatchObject({ status: 404, code: '81' });
    expect(await post(readWrite, 'SELECT 1', { max_treads: '1' })).toMatchObject({ status: 404, code: '115' });
  });

  test('serves the unmodified client: reads, parameters, inserts, compression, errors', async () => {
    const client = createClient({
      url: readWrite.url,
      database: 'demo',
      compression: { request: true, response: true },
      clickhouse_settings: { async_insert: 0 },
      log: { level: ClickHouseLogLevel.OFF },
    });
    await client.command({ query: 'CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a' });
    const rows = [
      { a: '18446744073709551615', s: `é"'\\\n\t😀` },
      { a: '0', s: '' },
    ];
    await client.insert({ table: 't', values: rows, format: 'JSONEachRow' });
    const result = await client.query({
      query: 'SELECT * FROM t WHERE s = {s:String}',
      query_params: { s: rows[0]?.s },
      format: 'JSONEachRow',
    });
    expect(await result.json()).toEqual([expect.objectContaining({ s: rows[0]?.s })]);
    await expect(client.query({ query: 'SELECT nope' })).rejects.toMatchObject({
      code: '47',
      type: 'UNKNOWN_IDENTIFIER',
    });
    expect(await client.ping()).toEqual({ success: true });
    await client.command({ query: 'DROP TABLE t' });
    await client.close();
  });

  test('keeps nothing of a request for the next one', async () => {
    expect(await post(readWrite, 'SET max_threads = 1')).toMatchObject({ status: 200 });
    await post(readWrite, 'USE system');
    await post(readWrite, 'SELECT 1', { max_block_size: '7' });
    const sql = "SELECT currentDatabase(), getSetting('max_block_size') = 7, {x:UInt8}";
    expect(await post(readWrite, sql, { param_x: '5' })).toMatchObject({ text: 'demo\t0\t5\n' });
    expect(await post(readWrite, 'SELECT {x:UInt8}')).toMatchObject({ code: '456' });
  });

  test('unpacks bodies, bounds them, and refuses encodings it does not know', async () => {
    const send = (body: Buffer | string, headers: Record<string, string>) =>
      fetch(readOnly.url, { method: 'POST', body, headers }).then(({ status }) => status);
    expect(await send(gzipSync('SELECT 1'), { 'Content-Encoding': 'gzip' })).toBe(200);
    expect(await send('SELECT 1', { 'Content-Encoding': 'lz4' })).toBe(415);
    expect(await send(gzipSync(Buffer.alloc(65 * 1024 * 1024, ' ')), { 'Content-Encoding': 'gzip' })).toBe(413);
  });

  test('a web page cannot get at it, by a name of its own or by a form', async () => {
    const statusWith = (headers: Record<string, string>) =>
      new Promise((resolve, reject) => {
        httpRequest(`${readWrite.url}/?query=SELECT+1`, { headers }, (response) =>
          resolve(response.resume().statusCode),
        )
          .on('error', reject)
          .end();
      });
    expect(await statusWith({ host: 'rebound.example:8123' })).toBe(403);
    expect(await statusWith({ origin: 'https://page.example' })).toBe(403);
    expect(await statusWith({ host: 'localhost:1' })).toBe(200);
  });
});

describe('a read-only address', () => {
  const attempts = () => [
    'CREATE TABLE x (a Int8) ENGINE = Memory',
    'CREATE TEMPORARY TABLE x (a Int8)',
    'INSERT INTO queue_conversation_state (conversation_id) VALUES (1)',
    'DROP DATABASE demo',
    'TRUNCATE TABLE queue_conversation_state',
    'ALTER TABLE queue_conversation_state DELETE WHERE 1',
    'OPTIMIZE TABLE queue_conversation_state FINAL',
    'SET readonly = 0',
    'SELECT 1 SETTINGS readonly = 0',
    '(SELECT 1 SETTINGS readonly = 0)',
    'SELECT 1; DROP DATABASE demo',
    '/* SELECT */ DROP DATABASE demo',
    'SELECT 1; SET readonly = 0; DROP DATABASE demo',
    'KILL QUERY WHERE 1',
    'SYSTEM FLUSH LOGS',
    `SELECT 1 INTO OUTFILE '${join(folder, 'out.txt')}'`,
    `SELECT ‘'‘ INTO/* */OUTFILE '${join(folder, 'out.txt')}' -- '`,
    `EXPLAIN SELECT 1 INTO OUTFILE '${join(folder, 'out.txt')}'`,
    `INSERT INTO FUNCTION file('${join(folder, 'out.txt')}', 'CSV', 'a Int8') SELECT 1`,
    `SELECT * FROM file('${join(folder, 'secret.txt')}', 'LineAsString')`,
    `SELECT * FROM sqlite('${join(folder, 'out.txt')}', 't')`,
    `SELECT * FROM url('${readOnly.url}/ping', 'LineAsString')`,
    `SELECT * FROM executable('ls', 'LineAsString', 'a String')`,
    `SELECT * FROM remote('127.0.0.1', 'system.one')`,
    `BACKUP DATABASE demo TO Disk('default', 'x')`,
    'GRANT ALL ON *.* TO default',
  ];

  test('holds against every attempt to write, over POST and GET', async () => {
    await writeFile(join(folder, 'secret.txt'), 'secret');
    const before = (await readdir(folder)).sort();
    for (const sql of attempts()) {
      const posted = await post(readOnly, sql);
      expect({ sql, ok: posted.status === 200, secret: posted.text.includes('secret\n') }).toEqual({
        sql,
        ok: false,
        secret: false,
      });
      const got = await fetch(`${readWrite.url}/?${new URLSearchParams({ query: sql }).toString()}`);
      expect({ sql, status: got.status >= 400 }).toEqual({ sql, status: true });
    }
    for (const setting of ['readonly', 'allow_ddl', 'max_execution_time']) {
      expect(await post(readOnly, 'SELECT 1', { [setting]: '0' })).toMatchObject({ code: '164' });
    }
    expect((await readdir(folder)).sort()).toEqual(before);
    expect(existsSync(join(folder, 'out.txt'))).toBe(false);
    expect(await post(readOnly, 'SELECT count() FROM queue_conversation')).toMatchObject({ text: '2\n' });
  });

  test('lets everything through that only looks', async () => {
    for (const sql of [
      'SHOW TABLES',
      'DESCRIBE TABLE queue_conversation',
      'EXPLAIN SELECT 1',
      'WITH 1 AS a SELECT a;',
      '-- a comment\n(SELECT 1)',
      'EXISTS TABLE queue_live',
      'FROM queue_live SELECT *',
      `SELECT 'INTO OUTFILE; DROP' AS \`KILL QUERY\``,
      'SELECT * FROM numbers(3) FORMAT Vertical',
    ]) {
      expect({ sql, ...(await post(readOnly, sql)) }).toMatchObject({ sql, status: 200 });
    }
  });
});

describe('a second process', () => {
  test('is told that the folder is in use, and by what it can be read instead', async () => {
    await expect(clickHouseProcess(folder)).rejects.toThrow(
      `ClickHouse data in ${engine.path}: process ${process.pid} has them open (is \`queuefold start\` running?)`,
    );
  });

  test('of its own folder serves clients here, and what a resolved insert brought survives its kill -9', async () => {
    const other = await mkdtemp(join(tmpdir(), 'queuefold-http-'));
    const withClient = async <T>(url: string, use: (client: ClickHouseClient) => Promise<T>): Promise<T> => {
      const client = createClient({ url });
      return use(client).finally(() => client.close());
    };
    const first = await clickHouseProcess(other);
    await withClient(first.url, async (client) => {
      await client.command({ query: 'CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a' });
      await client.insert({ table: 't', values: [[1], [2]], format: 'JSONCompactEachRow' });
    });
    await first.kill();
    const second = await clickHouseProcess(other, 'read-only');
    const count = await withClient(second.url, async (client) => {
      const result = await client.query({ query: 'SELECT count() AS n FROM t', format: 'JSONEachRow' });
      return result.json();
    });
    expect(count).toEqual([{ n: 2 }]);
    await second.stop();
    await rm(other, { recursive: true, force: true });
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bearing } from '../../../src/embedded';
import { allowedInStatements } from '../../../src/embedded/clickhouse/allowed-names';
import { openEmbeddedClickHouse, type EmbeddedClickHouse } from '../../../src/embedded/clickhouse/clickhouse';
import { serveClickHouseHttp, type ClickHouseHttp } from '../../../src/embedded/clickhouse/engine-http';
import { connectStore, migrate, type Store } from '../../../src/store';

const TOKEN = 'a-token';
const SECRET = 'the canary file';
const READERS = { port: 0, host: '127.0.0.1', readOnly: true, database: 'demo' } as const;
let folder: string;
let file: string;
let engine: EmbeddedClickHouse;
let store: Store;
let http: ClickHouseHttp;
let server: { address: string; connections: () => number; close: () => void };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queuefold-readers-'));
  file = join(folder, 'canary.txt');
  await writeFile(file, SECRET);
  engine = await openEmbeddedClickHouse({ dataDir: folder });
  store = connectStore({ connection: engine.connection(), database: 'demo', where: engine.path });
  await migrate(store.client, { database: 'demo', dryRun: false });
  http = await serveClickHouseHttp(engine, { ...READERS, admits: bearing(TOKEN) });
  server = await countingServer();
});
afterAll(async () => {
  server.close();
  await http.close();
  await store.close();
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

async function countingServer(): Promise<typeof server> {
  let connections = 0;
  const listening = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    connections: () => connections,
    close: () => listening.close(),
  };
}

async function post(sql: string, query: Record<string, string> = {}, { url } = http) {
  const response = await fetch(`${url}/?${new URLSearchParams(query).toString()}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${TOKEN}` },
    body: sql,
  });
  return { status: response.status, text: await response.text() };
}

async function listed(table: 'functions' | 'table_functions'): Promise<readonly string[]> {
  return (await post(`SELECT name FROM system.${table} ORDER BY name FORMAT TSVRaw`)).text.trim().split('\n');
}

describe('a reader’s statement', () => {
  const attempts = (): readonly string[] => [
    `SELECT file('${file}')`,
    `SELECT FiLe('${file}')`,
    `SELECT \`file\`/* x */('${file}')`,
    `SELECT hex(base64Encode(reverse(file('${file}'))))`,
    `SELECT arrayMap(x -> file(x), ['${file}'])`,
    `SELECT arrayMap(file, ['${file}'])`,
    `WITH file AS f SELECT arrayMap(f, ['${file}'])`,
    `SELECT * APPLY(file) FROM (SELECT '${file}')`,
    `SELECT * APPLY(x -> file(x)) FROM (SELECT '${file}')`,
    `SELECT a, b FROM values('a UInt8, b String ALIAS file(\\'${file}\\')', 1)`,
    `SELECT * FROM values(concat('a UInt8, b String ', 'ALIAS file(\\'${file}\\')'), 1)`,
    `SELECT * FROM generateRandom('a String ALIAS file(\\'${file}\\')') LIMIT 1`,
    `SELECT * FROM default.\`${file}\``,
    `SELECT * FROM "default"."${file}"`,
    `SELECT '${SECRET}' IN default.\`${file}\``,
    `WITH default.\`${file}\` AS x SELECT 1 IN x`,
    `SELECT * FROM file('${file}', 'LineAsString')`,
    `SELECT * FROM (SELECT * FROM view(SELECT file('${file}')))`,
    `SELECT * FROM merge('system', '.*')`,
    `SELECT * FROM queue_conversation_at(at = (SELECT toDateTime64(file('${file}'), 3)))`,
    `SELECT number FROM numbers(1) ORDER BY number WITH FILL INTERPOLATE (number AS file('${file}'))`,
    `SHOW TABLES WHERE file('${file}') != name`,
    `SHOW COLUMNS FROM names WHERE file('${file}') != field`,
    `DESCRIBE TABLE default.\`${file}\``,
    `EXISTS TABLE default.\`${file}\``,
    `SHOW CREATE TABLE default.\`${file}\``,
    `EXPLAIN SELECT file('${file}')`,
    `EXPLAIN SYNTAX SELECT * FROM file('${file}')`,
    `SELECT 1 AS \`a'\`, file('${file}') AS \`b'\``,
    `SELECT 1 AS \`a\n  Literal 1\`, file('${file}')`,
    `SELECT 1 /* \0 */, file('${file}')`,
    `INSERT INTO names SELECT file('${file}')`,
    `CREATE VIEW stolen AS SELECT file('${file}')`,
    `SELECT * FROM file('/proc/self/environ', 'RawBLOB')`,
    `SELECT * FROM system.processes`,
    `SELECT getServerSetting('tmp_path'), hostName()`,
    `DESCRIBE TABLE url('http://${server.address}/x.csv')`,
    `SELECT * FROM url('http://${server.address}/', 'LineAsString', 'line String')`,
    `DESCRIBE TABLE s3('http://${server.address}/bucket/key.csv', NOSIGN)`,
    `EXPLAIN TABLE OVERRIDE mysql('${server.address}', 'd', 't', 'u', 'p') COLUMNS (a UInt8)`,
    `EXPLAIN SELECT * FROM postgresql('${server.address}', 'd', 't', 'u', 'p')`,
    `SELECT * FROM remote('${server.address}', 'system', 'one')`,
    `SELECT hasColumnInTable('${server.address}', 'u', 'p', 'd', 't', 'c')`,
    `SELECT * FROM numbers(1) WHERE number IN (SELECT * FROM url('http://${server.address}/', 'TSV', 'a UInt8'))`,
    `SELECT aiGenerate('x')`,
    `SELECT * FROM numbers(1) SETTINGS max_execution_time = 0`,
    `SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)`,
  ];

  test('a reader’s statement reaches no file, no environment and no server, however it is written', async () => {
    for (const sql of attempts()) {
      const { status, text } = await post(sql);
      expect({ sql, refused: status >= 400, seen: text.includes(SECRET) }).toEqual({ sql, refused: true, seen: false });
    }
    expect(server.connections()).toBe(0);
  });

  test('is told what is refused, with ClickHouse’s code for it', async () => {
    const { status, text } = await post(`SELECT file('${file}')`);
    expect(status).toBe(403);
    expect(text).toMatch(
      /^Code: 497\. DB::Exception: readers may not use the function file, because it is not on the list .*\(ACCESS_DENIED\)/,
    );
  });

  test('cannot name a file by a parameter', async () => {
    const params = { param_d: 'default', param_t: file };
    const { status, text } = await post('SELECT * FROM {d:Identifier}.{t:Identifier}', params);
    expect({ refused: status >= 400, seen: text.includes(SECRET) }).toEqual({ refused: true, seen: false });
    expect(await post('SELECT count() FROM {t:Identifier}', { param_t: 'names' })).toEqual({
      status: 200,
      text: '0\n',
    });
  });

  test('of a client that names the database default does not read files as tables', async () => {
    const { status, text } = await post(`SELECT * FROM \`${file}\``, { database: 'default' });
    expect({ refused: status >= 400, seen: text.includes(SECRET) }).toEqual({ refused: true, seen: false });
    expect(await post('SELECT currentDatabase()', { database: 'default' })).toEqual({ status: 200, text: 'demo\n' });
  });

  test('may be what people ask: views, joins, windows, names in any case, with and without parameters', async () => {
    for (const sql of [
      'SELECT * FROM queue_live',
      "SELECT * FROM queue_conversation_at(at = now('UTC') - INTERVAL 5 MINUTE)",
      'SELECT * FROM demo.queue_conversation_at(at = now64())',
      'SELECT COUNT(*), sumIf(1, 1), uniqExactIf(queue_id, 1), argMax(queue_id, _version) FROM queue_conversation_state',
      'WITH x AS (SELECT 1 AS a) SELECT * FROM x WHERE a IN x',
      'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r',
      "SELECT * FROM values('name String, n UInt16', ('a', 1), ('b', 2))",
      'SELECT * FROM (VALUES (1, 2)) AS v',
      'SELECT sum(n) OVER (PARTITION BY n % 2 ORDER BY n) FROM (SELECT number AS n FROM numbers(5))',
      'SELECT a.kind FROM names AS a LEFT JOIN names AS b ON a.id = b.id ORDER BY a.kind LIMIT 1 BY a.kind',
      "SELECT CASE WHEN 1 THEN 'x' END, [1, 2][1], (1, 2).1, CAST(1, 'String'), '2026-01-01'::Date, EXISTS(SELECT 1)",
      'SELECT * EXCEPT (a) FROM (SELECT 1 AS a, 2 AS b)',
      'SELECT arrayMap(x -> x + 1, [1]), arrayFilter(isNull, [NULL])',
      'SELECT name FROM system.tables WHERE database = currentDatabase()',
      'SELECT table_name FROM information_schema.tables LIMIT 1',
      'SHOW TABLES',
      "SHOW TABLES FROM demo LIKE 'queue%'",
      'SHOW COLUMNS FROM names',
      'SHOW CREATE TABLE queue_conversation',
      'SHOW DATABASES',
      'EXISTS TABLE names',
      'DESCRIBE TABLE (SELECT 1)',
      'EXPLAIN indexes = 1 SELECT * FROM queue_live',
      'SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 2',
      "SELECT toTypeName(map(1, [2])), formatDateTime(now(), '%F')",
    ]) {
      expect({ sql, ...(await post(sql)) }).toMatchObject({ sql, status: 200 });
    }
  });

  test('is ended when it takes too much memory', async () => {
    const { text } = await post('SELECT count() FROM (SELECT groupArray(number) FROM numbers(1000000000))');
    expect(text).toMatch(/MEMORY_LIMIT_EXCEEDED/);
  });

  test('a reader’s long statement delays neither other readers nor the program itself', async () => {
    // It has a fifth of a reader's time, because it occupies a core until its end.
    const briefly = await serveClickHouseHttp(engine, { ...READERS, readSeconds: 6, admits: bearing(TOKEN) });
    const long = post('SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))', {}, briefly);
    let isOver = false;
    void long.then(() => (isOver = true));
    // In this test's small pool of threads others wait for their turn, which comes with the time limit; the program's own reads never do.
    for (let round = 0; round < 3; round++) {
      expect((await store.client.ping()).success).toBe(true);
      const rows = await store.client.query({
        query: 'SELECT count() AS n FROM demo.queue_conversation',
        format: 'JSONEachRow',
      });
      expect(await rows.json()).toEqual([{ n: 0 }]);
    }
    expect(isOver).toBe(false);
    expect((await long).text).toMatch(/TIMEOUT_EXCEEDED/);
    await briefly.close();
  });
});

describe('the list of what readers may use', () => {
  const REFUSED_FUNCTIONS =
    /^(?:file|ai[A-Z]\w*|AI[A-Z]\w*|dict[GHI]\w+|region\w+|joinGet\w*|catboostEvaluate|evalMLMethod|naiveBayes\w+|__\w+|filesystem\w+|addressTo\w+|transaction\w+|formatRow\w*|structureTo\w+|running(?:Accumulate|Concurrency)|sleep\w*|get(?:ClientHTTPHeader|Macro|MaxTableNameLengthForDatabase|MergeTreeSetting|OSKernelVersion|ServerPort|ServerSetting|TypeSerializationStreams)|aggThrow|buildId|chdb|demangle|finalizeAggregation|flameGraph|FQDN|fullHostName|fuzzQuery|generateSerialID|globalVariable|hasColumnInTable|hasThreadFuzzer|host[nN]ame|isMergeTreePartCoveredBy|logTrace|mergeTreePartInfo|nested|serverUUID|showCertificate|tcpPort|tid|validateNestedArraySizes|zookeeperSessionUptime)$/;

  test('every function of the engine is on the list, or somebody reviewed and refused it', async () => {
    const allowed = allowedInStatements();
    const names = await listed('functions');
    const unknown = names.filter((name) => !allowed.isFunction(name));
    expect(unknown.filter((name) => !REFUSED_FUNCTIONS.test(name))).toEqual([]);
    expect(names.filter((name) => allowed.isFunction(name) && REFUSED_FUNCTIONS.test(name))).toEqual([]);
  });

  test('has few table functions, none of which has a source', async () => {
    const allowed = allowedInStatements();
    expect((await listed('table_functions')).filter(allowed.isTableFunction)).toEqual([
      ...['SQLStandardValues', 'generateSeries', 'generate_series', 'numbers', 'numbers_mt', 'primes'],
      ...['values', 'view', 'zeros', 'zeros_mt'],
    ]);
  });
});

describe('the token', () => {
  const statusWith = async (headers: Record<string, string>) =>
    (await fetch(`${http.url}/?query=SELECT+1`, { headers })).status;
  const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

  test.each([
    ['a bearer token', { Authorization: `Bearer ${TOKEN}` }],
    ['ClickHouse’s header', { 'X-ClickHouse-User': 'default', 'X-ClickHouse-Key': TOKEN }],
    ['the password of any user', { Authorization: basic('grafana', TOKEN) }],
    ['the password of no user', { Authorization: basic('', TOKEN) }],
  ])('is taken as %s', async (_how, headers) => {
    expect(await statusWith(headers)).toBe(200);
  });

  test.each([
    ['nothing', {}],
    ['another bearer token', { Authorization: 'Bearer wrong' }],
    ['it as a user', { Authorization: basic(TOKEN, '') }],
    ['an empty key', { 'X-ClickHouse-Key': '' }],
  ])('%s is refused, with a message that says where the token is', async (_what, headers) => {
    expect(await statusWith(headers)).toBe(401);
    const response = await fetch(`${http.url}/?query=SELECT+1&password=${TOKEN}`, { headers });
    expect(response.headers.get('WWW-Authenticate')).toMatch(/^Basic /);
    expect(await response.text()).toMatch(/token .* file sql-token of the data directory/);
  });

  test('is not needed to know that it is there', async () => {
    expect(await (await fetch(`${http.url}/ping`)).text()).toBe('Ok.\n');
  });

  test('a web page is refused before it is looked at', async () => {
    for (const headers of [{ 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'https://page.example' }]) {
      expect(await statusWith({ Authorization: `Bearer ${TOKEN}`, ...headers })).toBe(403);
      expect((await fetch(`${http.url}/ping`, { headers })).status).toBe(403);
    }
  });
});

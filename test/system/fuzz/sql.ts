import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bearing, serveClickHouseHttp } from '../../../src/embedded';
import { allowedInStatements } from '../../../src/embedded/clickhouse/allowed-names';
import { openEmbeddedClickHouse, type EmbeddedClickHouse } from '../../../src/embedded/clickhouse/clickhouse';
import { connectStore, migrate } from '../../../src/store';
import { createRandom } from '../../support/processes/random';
import { statements, type Bait, type Names, type Statement } from './sql-statements';

export interface SqlFuzzReport {
  readonly seed: number;
  readonly statements: number;
  readonly answered: number;
  readonly refused: number;
  /** Statements that saw the canary file, the canary variable or the canary server. */
  readonly leaks: readonly string[];
  /** Which canaries are seen by whoever has all rights: each of them can be found. */
  readonly controls: readonly string[];
}

export interface SqlFuzzOptions {
  readonly seed: number;
  readonly count: number;
  readonly say: (text: string) => void;
}

const TOKEN = 'fuzz';

/** Sends generated statements to the read-only address; in each answer, and at a server, it looks for canaries. */
export async function runSqlFuzz({ seed, count, say }: SqlFuzzOptions): Promise<SqlFuzzReport> {
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-fuzz-'));
  const canaries = await placeCanaries(folder);
  const engine = await openEmbeddedClickHouse({ dataDir: folder });
  const store = connectStore({ connection: engine.connection(), database: 'demo', where: engine.path });
  await migrate(store.client, { database: 'demo', dryRun: false });
  const options = { port: 0, host: '127.0.0.1', readOnly: true, database: 'demo', admits: bearing(TOKEN) } as const;
  const http = await serveClickHouseHttp(engine, options);
  try {
    const controls = await seenWithAllRights(engine, canaries);
    const leaks: string[] = [];
    const counts = { statements: 0, answered: 0, refused: 0 };
    const encoding = createRandom(seed + 1);
    for (const statement of statements(seed, await namesOf(engine), canaries.bait)) {
      if (counts.statements >= count) break;
      const { ok, text } = await ask(http.url, statement, encoding.below(4));
      counts.statements += 1;
      counts[ok ? 'answered' : 'refused'] += 1;
      if (canaries.isSeenIn(text)) leaks.push(JSON.stringify(statement));
      if (counts.statements % 1_000 === 0) say(`${counts.statements} statements, ${leaks.length} leaks`);
    }
    return { seed, ...counts, leaks, controls };
  } finally {
    await http.close();
    await store.close();
    await engine.close();
    await canaries.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

async function ask(url: string, { sql, params }: Statement, way: number): Promise<{ ok: boolean; text: string }> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) search.set(`param_${name}`, value);
  const headers: Record<string, string> = { Authorization: `Bearer ${TOKEN}` };
  if (way === 0) {
    search.set('query', sql);
    // Beyond the length of a request line it cannot be a GET.
    if (sql.length < 4_000) return answerOf(await fetch(`${url}/?${search.toString()}`, { headers }));
  }
  const compressed = way === 1;
  if (compressed) headers['Content-Encoding'] = 'gzip';
  const body = way === 0 ? '' : compressed ? gzipSync(sql) : sql;
  return answerOf(await fetch(`${url}/?${search.toString()}`, { method: 'POST', headers, body }));
}

async function answerOf(response: Response): Promise<{ ok: boolean; text: string }> {
  return { ok: response.ok, text: await response.text() };
}

async function namesOf(engine: EmbeddedClickHouse): Promise<Names> {
  const listed = async (table: string): Promise<readonly string[]> => {
    const sql = `SELECT name FROM system.${table} ORDER BY name`;
    const asked = { sql, format: 'TSVRaw', database: 'demo', params: {}, settings: {}, readOnly: true };
    return Buffer.from((await engine.run(asked)).bytes)
      .toString()
      .trim()
      .split('\n');
  };
  const [functions, tableFunctions] = [await listed('functions'), await listed('table_functions')];
  const allowed = allowedInStatements();
  const suspects = [
    ...functions.filter((name) => !allowed.isFunction(name)),
    ...tableFunctions.filter((name) => !allowed.isTableFunction(name)),
  ];
  return { functions, tableFunctions, suspects };
}

interface Canaries {
  readonly bait: Bait;
  /** Also whether a connection came since the last look. */
  isSeenIn(text: string): boolean;
  remove(): Promise<void>;
}

/** A file, a variable of the environment and a server, each with a secret of its own. */
async function placeCanaries(folder: string): Promise<Canaries> {
  const secrets = { file: newSecret(), variable: newSecret(), server: newSecret() };
  const file = join(folder, 'canary.txt');
  await writeFile(file, secrets.file);
  const variable = 'QUEUEFOLD_CANARY';
  // Of this process: /proc shows an environment as it was at the start, so a process of the engine's own would, too.
  process.env[variable] = secrets.variable;
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    socket.once('data', () => {
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${secrets.server.length}\r\nConnection: close\r\n\r\n`;
      socket.end(`${head}${secrets.server}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const needles = Object.values(secrets).flatMap((secret) => [
    ...[secret, Buffer.from(secret).toString('hex').toUpperCase(), Buffer.from(secret).toString('base64').slice(0, -2)],
    ...[Array.from(secret).reverse().join(''), secret.toUpperCase()],
  ]);
  return {
    bait: { file, variable, address: `127.0.0.1:${port}` },
    isSeenIn: (text) => {
      const came = connections;
      connections = 0;
      return came > 0 || needles.some((needle) => text.includes(needle)) || /\bPATH=\//.test(text);
    },
    remove: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function newSecret(): string {
  return `canary-${randomBytes(12).toString('hex')}`;
}

/** What the fuzz looks for is there to be found: with all rights, these statements find it. */
async function seenWithAllRights(engine: EmbeddedClickHouse, canaries: Canaries): Promise<readonly string[]> {
  const { file, address } = canaries.bait;
  const statementsOf = {
    file: `SELECT file('${file}')`,
    table: `SELECT * FROM default.\`${file}\``,
    environment: "SELECT file('/proc/self/environ')",
    server: `DESCRIBE TABLE url('http://${address}/x.csv')`,
    request: `SELECT * FROM url('http://${address}/', 'LineAsString', 'line String')`,
  };
  const seen: string[] = [];
  for (const [name, sql] of Object.entries(statementsOf)) {
    const asked = { sql, format: 'TSVRaw', database: 'demo', params: {}, settings: {}, readOnly: false };
    const text = await engine.run(asked).then(
      ({ bytes }) => Buffer.from(bytes).toString(),
      () => '',
    );
    if (canaries.isSeenIn(text)) seen.push(name);
  }
  return seen;
}

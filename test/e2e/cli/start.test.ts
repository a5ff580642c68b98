import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { lstat, readFile, stat } from 'node:fs/promises';
import { type IncomingMessage, type OutgoingHttpHeaders, request, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TABLE_COLUMNS } from '../../../src/conversation';
import type { Truth } from '../../../src/simulator';
import { pathsBelow } from '../../support/files/folders';
import {
  endsWithin,
  identify,
  isRunning,
  type ProcessIdentity,
  readIdentity,
} from '../../support/processes/process-identity';
import { EndedError, until } from '../../support/processes/until';

const BIN = join(__dirname, '..', '..', '..', 'bin', 'queuefold.js');
const SOON_MS = 180_000;
/** The program itself gives up stopping after 10 s, and says so. */
const END_WITHIN_MS = 60_000;
/** Enough for the very first start on a machine, which fetches Kafka and the registry. */
const FIRST_START_MS = 600_000;

const root = mkdtempSync(join(tmpdir(), 'queuefold-start-'));
const folderOf = (name: string): string => join(root, name);
const launched: Launched[] = [];
const jvms: ProcessIdentity[] = [];

afterAll(async () => {
  const below = await Promise.all(launched.map(({ pid }) => processesBelow(pid)));
  for (const { child, isOver } of launched) if (!isOver()) child.kill('SIGKILL');
  await Promise.all(launched.map(({ ended }) => ended));
  // Of a killed parent; they write into the folder until they have ended.
  await Promise.all([...jvms, ...below.flat()].map((known) => endsWithin(known, END_WITHIN_MS)));
  rmSync(root, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Launched {
  readonly child: ChildProcess;
  readonly pid: number;
  /** So far. */
  stderr(): string;
  isOver(): boolean;
  readonly ended: Promise<Ended>;
}

/** No container engine: then Kafka and the registry are JVMs, here as on every machine. */
const NO_ENGINE = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };
/** Where Java, Maven and what was fetched once are found, and how the JVMs of tests run. */
const TOOLS = given(
  ...['PATH', 'HOME', 'JAVA_HOME', 'MAVEN_HOME', 'XDG_CACHE_HOME', 'QUEUEFOLD_CACHE_DIR', 'JAVA_TOOL_OPTIONS'],
);
const NO_TOOLS = { ...given('HOME'), PATH: '/nonexistent' };

function given(...names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** The command, its output piped, with data on its stdin, a careless umask, and nothing in its environment but these. */
function launch(args: readonly string[], dataDir: string, tools: Readonly<Record<string, string>> = TOOLS): Launched {
  const child = spawn('/bin/sh', ['-c', 'umask 000; exec "$@"', 'sh', process.execPath, BIN, ...args], {
    env: { ...NO_ENGINE, ...tools, DATA_DIR: dataDir, HTTP_PORT: '0' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // Somebody who reads it would take it for data.
  child.stdin.on('error', () => undefined).end('{"conversation_id":"not to be read"}\n');
  let [stdout, stderr] = ['', ''];
  let over = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]): Ended => {
    over = true;
    return { code: code as number | null, stdout, stderr };
  });
  const one: Launched = { child, ended, pid: child.pid ?? 0, stderr: () => stderr, isOver: () => over };
  launched.push(one);
  return one;
}

interface Started extends Launched {
  /** What it printed about where to look, by label. */
  readonly places: ReadonlyMap<string, string>;
  readonly sql: string;
  readonly token: string;
  readonly ops: string;
  readonly genesys: string;
}

/** `queuefold start`, when it has said where to look. */
async function start(dataDir: string, flags: readonly string[], tools = TOOLS): Promise<Started> {
  const running = launch(['start', '--rate', '4', ...flags], dataDir, tools);
  await until('the addresses, the last of which is that of Genesys', FIRST_START_MS, () => {
    if (running.isOver()) throw new EndedError(`start ended: ${running.stderr()}`);
    return /^Genesys .*\n/m.test(running.stderr());
  });
  for (const service of ['kafka', 'registry']) {
    const jvm = await readIdentity(join(dataDir, service, 'jvm.json'));
    if (jvm !== undefined) jvms.push(jvm);
  }
  const places = new Map<string, string>();
  for (const [, label = '', value = ''] of running.stderr().matchAll(/^([A-Z]\w+) {2,}(.+)$/gm)) {
    places.set(label, value);
  }
  const addressOf = (label: string): URL => new URL(/http:\S+/.exec(places.get(label) ?? '')?.[0] ?? `no:${label}`);
  return {
    ...running,
    places,
    sql: addressOf('SQL').origin,
    token: (await readFile(join(dataDir, 'sql-token'), 'utf8')).trim(),
    ops: addressOf('Metrics').origin,
    genesys: addressOf('Genesys').origin,
  };
}

async function end({ child, ended, isOver }: Launched, signal: 'SIGINT' | 'SIGTERM'): Promise<Ended> {
  child.kill(signal);
  await until(`the end after ${signal}`, END_WITHIN_MS, isOver);
  return ended;
}

/** `fetch` sends no other Host than the address's. */
async function statusOf(url: string, options: RequestOptions): Promise<number | undefined> {
  const asking = request(url, { ...options, agent: false }).end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

/** Asked over HTTP, as curl does it. */
async function sql({ sql: address, token }: Started, statement: string): Promise<string> {
  const headers = { Authorization: `Bearer ${token}` };
  const response = await fetch(`${address}/?query=${encodeURIComponent(statement)}`, { headers });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}

/** Asked from another process; the answer is that process's end. */
function query(dataDir: string, ...args: readonly string[]): Promise<Ended> {
  return launch(['query', ...args], dataDir).ended;
}

const COUNT = 'SELECT count() FROM queue_conversation';
const COUNT_HISTORY = 'SELECT count() FROM queue_conversation_history';

type Row = Readonly<Record<string, unknown>>;

/** The live table, in the order of the ids. */
async function rowsOf(started: Started): Promise<readonly Row[]> {
  const text = await sql(started, 'SELECT * FROM queue_conversation ORDER BY conversation_id FORMAT JSONEachRow');
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Row);
}

const idOf = (row: Row): string => String(row['conversation_id']);
const idsOf = (rows: readonly Row[]): ReadonlySet<string> => new Set(rows.map(idOf));

/** The columns that follow from what happened; those of the database depend on who listened when. */
const COMPARED = TABLE_COLUMNS.filter((column) => !column.startsWith('db_'));
const compared = (row: Row): Row => Object.fromEntries(COMPARED.map((column) => [column, row[column]]));

/** ClickHouse says `2026-03-02 09:00:00.000`, in UTC. */
const withIsoTime = (row: Row): Row => ({
  ...row,
  connected_time: `${String(row['connected_time']).replace(' ', 'T')}Z`,
});

/** What the simulated organisation itself says that the table has to be, in the order of the ids. */
async function truthOf({ genesys }: Started): Promise<readonly Row[]> {
  const { conversations } = (await (await fetch(`${genesys}/truth`)).json()) as Truth;
  return conversations.map((row) => compared({ ...row }));
}

/** Everything below a process; on Linux, elsewhere nothing is known. */
async function processesBelow(pid: number): Promise<readonly ProcessIdentity[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const below = children
    .split(' ')
    .filter((child) => child !== '')
    .map(async (child) => [await identify(Number(child)), ...(await processesBelow(Number(child)))]);
  return (await Promise.all(below)).flat().filter((found) => found !== undefined);
}

describe('queuefold start', () => {
  const dataDir = folderOf('kafka');
  let first: Started;
  let left: readonly Row[] = [];

  beforeAll(async () => {
    first = await start(dataDir, []);
  }, FIRST_START_MS);

  test('says where to look, on stderr when there is no terminal', async () => {
    const { places } = first;
    expect([...places.keys()]).toEqual(['Board', 'Kafka', 'Registry', 'Topics', 'SQL', 'Curl', 'Metrics', 'Genesys']);
    expect(places.get('Kafka')).toMatch(/^127\.0\.0\.1:\d+ \(embedded\)$/);
    const subjects: unknown = await (await fetch(`${places.get('Registry') ?? ''}/subjects`)).json();
    expect(subjects).toContain('genesys.queue-conversation.v1-value');
    expect(places.get('Topics')).toContain('genesys.queue-conversation.v1 (compacted)');
    expect(places.get('SQL')).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+ \(read-only, with the token in .*sql-token\), or: queuefold query$/,
    );
    expect(places.get('Metrics')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect(places.get('Genesys')).toMatch(/^simulated: http:\/\/127\.0\.0\.1:\d+\/truth$/);
  });

  test('fills the live table, for `queuefold query` and for everything that speaks HTTP', async () => {
    await until('rows over HTTP', SOON_MS, async () => Number(await sql(first, COUNT)) > 0);
    await until('rows by queuefold query', SOON_MS, async () => {
      const { code, stdout, stderr } = await query(dataDir, COUNT, '--format', 'csv');
      expect([code, stderr]).toEqual([0, '']);
      const [head, rows] = stdout.split('\n');
      expect(head).toBe('"count()"');
      return Number(rows) > 0;
    });
  });

  test('is ready, and counts what it does', async () => {
    let health: unknown;
    await until('ready', SOON_MS, async () => {
      const response = await fetch(`${first.ops}/health/ready`);
      health = await response.json();
      return response.status === 200;
    });
    expect(health).toMatchObject({ status: 'ok' });
    const metrics = await (await fetch(`${first.ops}/metrics`)).text();
    expect(metrics).toMatch(/^queuefold_bridge_events_total\{.*outcome="produced".*\} [1-9]/m);
  });

  test('prints a command of curl that works, and asks everybody else for the token', async () => {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', first.places.get('Curl') ?? '']);
    expect(stdout.split('\n').length).toBeGreaterThan(1);
    expect((await fetch(`${first.sql}/?query=SELECT+1`)).status).toBe(401);
    for (const name of ['sql-token', 'sql.curl', 'clickhouse-http.json']) {
      expect([name, (await stat(join(dataDir, name))).mode & 0o777]).toEqual([name, 0o600]);
    }
  });

  test('keeps to itself what it makes, whatever the umask', async () => {
    const paths = await pathsBelow(dataDir);
    expect(paths.length).toBeGreaterThan(50);
    const open = async (path: string): Promise<boolean> => {
      // Segments and parts come and go while we look.
      const found = await lstat(join(dataDir, path)).catch(() => null);
      return found !== null && !found.isSymbolicLink() && (found.mode & 0o077) !== 0;
    };
    const others: string[] = [];
    for (const path of ['', ...paths]) if (await open(path)) others.push(path);
    expect(others).toEqual([]);
  });

  test('lets no web page in at any of the addresses that it prints', async () => {
    const origins = [...first.places.values()].flatMap((place) => /http:\/\/[\d.]+:\d+/.exec(place)?.[0] ?? []);
    // Board, registry, SQL, metrics and Genesys.
    expect(new Set(origins).size).toBe(5);
    const pages: readonly OutgoingHttpHeaders[] = [
      { host: 'page.example' },
      { host: 'page.example', origin: 'http://page.example' },
      { origin: 'https://page.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const origin of new Set(origins)) {
      for (const headers of pages) {
        for (const method of ['GET', 'POST']) {
          expect([origin, method, headers, await statusOf(origin, { method, headers })]).toEqual([
            ...[origin, method, headers, 403],
          ]);
        }
      }
    }
  });

  test('refuses to write for those who ask for SQL', async () => {
    const statement = 'TRUNCATE TABLE queue_conversation_history';
    const headers = { Authorization: `Bearer ${first.token}` };
    const response = await fetch(first.sql, { method: 'POST', body: statement, headers });
    expect(response.ok).toBe(false);
    expect(await response.text()).toContain('READONLY');
    expect(await query(dataDir, statement, '--write')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--write: .* is read-only for others. End that process/),
    });
    expect(Number(await sql(first, COUNT_HISTORY))).toBeGreaterThan(0);
  });

  test('keeps its data directory to itself: a second one explains that it is in use, and the first continues', async () => {
    const { code, stdout, stderr } = await launch(['start'], dataDir).ended;
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`data directory ${dataDir}: in use by process ${first.pid}`);
    expect(stderr).toContain('DATA_DIR');

    const before = Number(await sql(first, COUNT_HISTORY));
    await until('more history', SOON_MS, async () => Number(await sql(first, COUNT_HISTORY)) > before);
    expect(await query(dataDir, COUNT, '--format', 'csv')).toMatchObject({ code: 0, stderr: '' });
  });

  test('has the truth in its table when nothing more happens', async () => {
    await until('conversations with agents', SOON_MS, async () => {
      const known = await truthOf(first);
      return known.length > 20 && known.some((row) => row['purpose'] === 'agent');
    });
    const pause = await fetch(`${first.genesys}/control/pause`, { method: 'POST' });
    expect(await pause.json()).toMatchObject({ paused: true });

    const known = await truthOf(first);
    const folded = () => left.map((row) => compared(withIsoTime(row)));
    await until('the last events in the table', SOON_MS, async () => {
      left = await rowsOf(first);
      expect(folded()).toEqual(known);
      return true;
    });
  });

  test('ends by SIGINT with 0, and leaves no process behind', async () => {
    const below = [...jvms, ...(await processesBelow(first.pid))];
    const running = await Promise.all(below.map(isRunning));
    expect(running.filter((is) => is).length).toBeGreaterThanOrEqual(2);

    expect(await end(first, 'SIGINT')).toMatchObject({ code: 0, stdout: '' });
    await until('the end of all processes', END_WITHIN_MS, async () => {
      return !(await Promise.all(below.map(isRunning))).includes(true);
    });
  });

  test('refuses its data directory to a real organization, so that simulated conversations do not mix with its own', async () => {
    const genesys = { GENESYS_REGION: 'mypurecloud.ie', GENESYS_CLIENT_ID: 'real', GENESYS_CLIENT_SECRET: 'secret' };
    const { code, stdout, stderr } = await launch(['start'], dataDir, { ...TOOLS, ...genesys }).ended;
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`DATA_DIR: ${dataDir} holds conversations of a simulated organization`);
  });

  test('continues from what an earlier one has left, and ends what the organization no longer has', async () => {
    const earlier = idsOf(left);
    const second = await start(dataDir, []);
    const ofEarlier = async () => (await rowsOf(second)).filter((row) => earlier.has(idOf(row)));
    await until('new conversations', SOON_MS, async () =>
      (await rowsOf(second)).some((row) => !earlier.has(idOf(row))),
    );
    // This organisation is another one, and knows none of them: they are asked for one by one, and end.
    await until('an end of earlier ones', SOON_MS, async () => earlier.size - (await ofEarlier()).length >= 5);
    const rest = await ofEarlier();
    const stillThere = idsOf(rest);
    expect(rest).toEqual(left.filter((row) => stillThere.has(idOf(row))));
    // This time in the middle of everything.
    expect(await end(second, 'SIGINT')).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('where there is neither Java nor Maven nor a container engine', () => {
  test('queuefold start names all that would help', async () => {
    const { code, stdout, stderr } = await launch(['start'], folderOf('none'), NO_TOOLS).ended;
    expect([code, stdout]).toEqual([1, '']);
    const [problem] = stderr.split('\n').filter((line) => line.startsWith('queuefold: '));
    for (const remedy of ['Java', 'container engine', 'KAFKA_BROKERS', 'queuefold start --log memory']) {
      expect(problem).toMatch(remedy);
    }
  });

  test('queuefold start --log memory shows rows, and ends by SIGTERM with 0; the next one has its history, and no row of its organization', async () => {
    const memory = await start(folderOf('memory'), ['--log', 'memory'], NO_TOOLS);
    expect([...memory.places.keys()]).toEqual(['Board', 'Log', 'Topics', 'SQL', 'Curl', 'Metrics', 'Genesys']);
    await until('rows', SOON_MS, async () => Number(await sql(memory, COUNT)) > 0);
    const ids = idsOf(await rowsOf(memory));
    const ended = await end(memory, 'SIGTERM');
    expect(ended).toMatchObject({ code: 0, stdout: '' });
    expect(ended.stderr).toMatch(/"level":(?:30|"info").*"msg":"stopping"/);

    const next = await start(folderOf('memory'), ['--log', 'memory'], NO_TOOLS);
    const listed = [...ids].map((id) => `'${id}'`).join(', ');
    const known = 'SELECT uniq(conversation_id) FROM queue_conversation_history WHERE conversation_id IN';
    expect(Number(await sql(next, `${known} (${listed})`))).toBe(ids.size);
    await until('only rows of this organisation', SOON_MS, async () => {
      const now = idsOf(await rowsOf(next));
      return now.size > 0 && [...now].every((id) => !ids.has(id));
    });
    await end(next, 'SIGTERM');
  });
});

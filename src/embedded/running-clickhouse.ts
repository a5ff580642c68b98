import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Where the embedded ClickHouse of a running `start` answers, for other processes such as `queuefold query`. */
export interface RunningClickHouse {
  readonly url: string;
  readonly pid: number;
  /** What the address asks for, as `Authorization: Bearer …`. */
  readonly token: string;
}

/** Where the address is told. */
const ADDRESS = 'clickhouse-http.json';
/** The token and nothing else, for DBeaver, Grafana and scripts. */
const TOKEN = 'sql-token';
/** The same for curl, so that the token is in no list of processes. */
const CURL = 'sql.curl';
const FILES = [ADDRESS, TOKEN, CURL];

/** A new one for each start. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Where people find it. */
export function tokenFile(dataDir: string): string {
  return resolve(dataDir, TOKEN);
}

/** The options of `curl` that ask the address: `curl -K FILE -d 'SELECT …'`. */
export function curlOptions(dataDir: string): string {
  const file = resolve(dataDir, CURL);
  return `-K ${/^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`}`;
}

/** For nobody else's eyes, whatever the umask. @returns how to forget it */
export async function rememberClickHouse(
  dataDir: string,
  running: Omit<RunningClickHouse, 'pid'>,
): Promise<() => Promise<void>> {
  const { url, token } = running;
  const forget = async (): Promise<void> => {
    await Promise.all(FILES.map((name) => rm(join(dataDir, name), { force: true })));
  };
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  // Files of a killed start may have other permissions: they are recreated.
  await forget();
  const keep = (name: string, text: string) => writeFile(join(dataDir, name), `${text}\n`, { mode: 0o600, flag: 'wx' });
  await keep(TOKEN, token);
  await keep(CURL, `url = "${url}/"\nheader = "Authorization: Bearer ${token}"\nsilent\nshow-error`);
  await keep(ADDRESS, JSON.stringify({ url, pid: process.pid }));
  return forget;
}

/** Null: none runs on this data directory, or it does not answer any more. */
export async function findRunningClickHouse(dataDir: string): Promise<RunningClickHouse | null> {
  try {
    const { url, pid } = JSON.parse(await readFile(join(dataDir, ADDRESS), 'utf8')) as Omit<RunningClickHouse, 'token'>;
    const token = (await readFile(join(dataDir, TOKEN), 'utf8')).trim();
    const answer = await fetch(new URL('/ping', url), { signal: AbortSignal.timeout(2_000) });
    return answer.ok ? { url, pid, token } : null;
  } catch {
    return null;
  }
}

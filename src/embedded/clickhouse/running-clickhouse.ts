import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** The address of a running `start`'s embedded ClickHouse, for other processes, e.g. `queuefold query`. */
export interface RunningClickHouse {
  readonly url: string;
  readonly pid: number;
  /** The token that the address requires, as `Authorization: Bearer …`. */
  readonly token: string;
}

/** The file with the address. */
const ADDRESS = 'clickhouse-http.json';
/** The file with only the token, for DBeaver, Grafana and scripts. */
const TOKEN = 'sql-token';
/** The same for curl, so that no list of processes shows the token. */
const CURL = 'sql.curl';
const FILES = [ADDRESS, TOKEN, CURL];
/** A busy process on a busy machine answers late. One that has ended refuses at once. */
const ANSWER_WITHIN_MS = 10_000;

/** Each start makes a new one. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** The file with the token, for people. */
export function tokenFile(dataDir: string): string {
  return resolve(dataDir, TOKEN);
}

/** The options file of `curl` for the address: `curl -K FILE -d 'SELECT …'`. */
export function curlOptions(dataDir: string): string {
  const file = resolve(dataDir, CURL);
  return `-K ${/^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`}`;
}

/** Only this user can read the files, whatever the umask. @returns a function that removes them */
export async function rememberClickHouse(
  dataDir: string,
  running: Omit<RunningClickHouse, 'pid'>,
): Promise<() => Promise<void>> {
  const { url, token } = running;
  const forget = async (): Promise<void> => {
    await Promise.all(FILES.map((name) => rm(join(dataDir, name), { force: true })));
  };
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  // Files of a killed start may have other permissions, so they are recreated.
  await forget();
  const keep = (name: string, text: string) => writeFile(join(dataDir, name), `${text}\n`, { mode: 0o600, flag: 'wx' });
  await keep(TOKEN, token);
  await keep(CURL, `url = "${url}/"\nheader = "Authorization: Bearer ${token}"\nsilent\nshow-error`);
  await keep(ADDRESS, JSON.stringify({ url, pid: process.pid }));
  return forget;
}

/** Null: none runs on this data directory, or it no longer answers. */
export async function findRunningClickHouse(dataDir: string): Promise<RunningClickHouse | null> {
  try {
    const { url, pid } = JSON.parse(await readFile(join(dataDir, ADDRESS), 'utf8')) as Omit<RunningClickHouse, 'token'>;
    const token = (await readFile(join(dataDir, TOKEN), 'utf8')).trim();
    const answer = await fetch(new URL('/ping', url), { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    return answer.ok ? { url, pid, token } : null;
  } catch {
    return null;
  }
}

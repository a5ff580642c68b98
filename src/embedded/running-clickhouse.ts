import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the embedded ClickHouse of a running `start` answers, for other processes such as `queuefold query`. */
export interface RunningClickHouse {
  readonly url: string;
  readonly pid: number;
}

const fileIn = (dataDir: string): string => join(dataDir, 'clickhouse-http.json');

/** @returns how to forget it */
export async function rememberClickHouse(dataDir: string, url: string): Promise<() => Promise<void>> {
  await mkdir(dataDir, { recursive: true });
  const running: RunningClickHouse = { url, pid: process.pid };
  await writeFile(fileIn(dataDir), `${JSON.stringify(running)}\n`);
  return () => rm(fileIn(dataDir), { force: true });
}

/** Null: none runs on this data directory, or it does not answer any more. */
export async function findRunningClickHouse(dataDir: string): Promise<RunningClickHouse | null> {
  try {
    const running = JSON.parse(await readFile(fileIn(dataDir), 'utf8')) as RunningClickHouse;
    const answer = await fetch(new URL('/ping', running.url), { signal: AbortSignal.timeout(2_000) });
    return answer.ok ? running : null;
  } catch {
    return null;
  }
}

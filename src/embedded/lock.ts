import { randomUUID } from 'node:crypto';
import { link, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OperatorError } from '../common';
import { identify, isRunning, readIdentity, type ProcessIdentity } from './identity';
import { codeOf, namingPath } from './remedy';

export interface Lock {
  release(): Promise<void>;
}

/** Takes the lock, or tells who holds it. A holder that no longer runs (kill -9, power cut) is replaced. */
export async function tryLock(file: string): Promise<{ lock: Lock } | { holder: ProcessIdentity }> {
  await mkdir(dirname(file), { recursive: true });
  const self = await identify(process.pid);
  const mine = `${file}.${randomUUID()}`;
  await writeFile(mine, JSON.stringify(self));
  const lock = { release: () => rm(file, { force: true }) };
  try {
    for (;;) {
      // link() is atomic and carries the content along: nobody ever sees a lock without its holder.
      if (await created(() => link(mine, file))) return { lock };
      const holder = await readIdentity(file);
      if (holder !== undefined && (await isRunning(holder))) return { holder };
      if (await replaceStale(file, mine, holder)) return { lock };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** Only one of those who saw the same stale holder may replace it: the one that created the marker. */
async function replaceStale(file: string, mine: string, seen: ProcessIdentity | undefined): Promise<boolean> {
  const marker = `${file}.replacing`;
  if (!(await created(() => writeFile(marker, '', { flag: 'wx' })))) {
    const age = Date.now() - (await stat(marker).then((found) => found.mtimeMs, Date.now));
    if (age > 10_000) await rm(marker, { force: true }); // its creator was killed within these few lines
    return false;
  }
  try {
    const now = await readIdentity(file);
    if (now?.pid !== seen?.pid || now?.started !== seen?.started) return false;
    await link(mine, `${mine}.new`);
    await rename(`${mine}.new`, file);
    return true;
  } finally {
    await rm(marker, { force: true });
  }
}

async function created(create: () => Promise<void>): Promise<boolean> {
  try {
    await create();
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Makes the folder this process's own until `release` or its end. Throws an OperatorError that names the holder. */
export async function acquireDataDir(dir: string): Promise<Lock> {
  const taken = await namingPath('data directory', dir, () => tryLock(join(dir, 'lock.json')));
  if ('lock' in taken) return taken.lock;
  throw new OperatorError(
    `data directory ${dir}: in use by process ${taken.holder.pid}` +
      `${taken.holder.pid === process.pid ? ' (this one)' : ''}. ` +
      `Stop that process (kill ${taken.holder.pid}) or choose another folder with DATA_DIR.`,
  );
}

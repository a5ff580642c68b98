import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OperatorError } from '../common';
import { identify, isRunning, scopeOfPids, type ProcessIdentity } from './identity';
import { codeOf, namingPath } from './remedy';

export interface Lock {
  /** Leaves the file alone if it belongs to somebody else by now. */
  release(): Promise<void>;
  /**
   * Resolves when somebody else has taken the lock, because this process stood still for so long that it looked dead.
   * It must no longer touch the protected data.
   */
  readonly lost: Promise<void>;
}

export interface LockTimes {
  /** How often a holder shows that it lives. */
  readonly beatMs: number;
  /** How many checks, one every `beatMs`, a holder in another container may miss. */
  readonly silentLooks: number;
}

const TIMES: LockTimes = { beatMs: 1_000, silentLooks: 15 };

/** The content of the file. */
const Holder = z.object({
  pid: z.number(),
  started: z.string(),
  /** The scope of the pid; absent in files of an earlier version. */
  scope: z.string().optional(),
  /** Unique for each taking of the lock. */
  id: z.string().optional(),
});
type Holder = z.infer<typeof Holder>;

/**
 * Takes the lock, or answers who holds it. A holder that no longer runs (kill -9, power cut) is replaced: at once if
 * its pid can be looked up. In another container, or on another machine, a pid means nothing. There the holder counts
 * as alive while it touches the file, and the check takes at most `beatMs · silentLooks`. It counts checks and not
 * time, because both processes may have been asleep.
 */
export async function tryLock(
  file: string,
  times: LockTimes = TIMES,
): Promise<{ lock: Lock } | { holder: ProcessIdentity; elsewhere: boolean }> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const scope = await scopeOfPids();
  const id = randomUUID();
  const mine = `${file}.${id}`;
  await writeFile(mine, JSON.stringify({ ...(await identify(process.pid)), scope, id }), { mode: 0o600 });
  try {
    for (;;) {
      // link() is atomic and brings the content with it: nobody ever sees a lock without its holder.
      if (await created(() => link(mine, file))) return { lock: held(file, id, times) };
      const holder = await readHolder(file);
      if (holder !== undefined) {
        const elsewhere = (holder.scope ?? scope) !== scope;
        const lives = elsewhere ? await beats(file, times) : await isRunning(holder);
        if (lives) return { holder, elsewhere };
      }
      if (await replaceStale(file, mine, holder)) return { lock: held(file, id, times) };
      await sleep(20);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

function held(file: string, id: string, { beatMs }: LockTimes): Lock {
  let tell = (): void => undefined;
  const lost = new Promise<void>((resolve) => (tell = resolve));
  const isMine = async (): Promise<boolean> => (await readHolder(file))?.id === id;
  const beat = async (): Promise<void> => {
    if (!(await isMine())) {
      clearInterval(timer);
      tell();
      return;
    }
    const now = new Date();
    await utimes(file, now, now);
  };
  // A short failure of the disk is no reason to give up.
  const timer = setInterval(() => void beat().catch(() => undefined), beatMs);
  timer.unref();
  return {
    lost,
    release: async () => {
      clearInterval(timer);
      if (await isMine()) await rm(file, { force: true });
    },
  };
}

/** Whether somebody touches the file during the check. */
async function beats(file: string, { beatMs, silentLooks }: LockTimes): Promise<boolean> {
  const first = await touched(file);
  for (let look = 0; look < silentLooks; look++) {
    await sleep(beatMs);
    const now = await touched(file);
    if (now === null) return false;
    if (now !== first) return true;
  }
  return false;
}

/** Opens the file, because a network's file system answers stat() from memory. Null: the file is gone. */
async function touched(file: string): Promise<number | null> {
  try {
    const opened = await open(file, 'r');
    try {
      return (await opened.stat()).mtimeMs;
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function readHolder(file: string): Promise<Holder | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  try {
    return Holder.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Of all processes that saw the same stale holder, only the one that created the marker may replace it. */
async function replaceStale(file: string, mine: string, seen: Holder | undefined): Promise<boolean> {
  const marker = `${file}.replacing`;
  if (!(await created(() => writeFile(marker, '', { flag: 'wx', mode: 0o600 })))) {
    const age = Date.now() - (await stat(marker).then((found) => found.mtimeMs, Date.now));
    if (age > 10_000) await rm(marker, { force: true }); // its creator was killed within these few lines
    return false;
  }
  try {
    const now = await readHolder(file);
    if (now?.pid !== seen?.pid || now?.started !== seen?.started || now?.id !== seen?.id) return false;
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

/**
 * Makes the folder this process's own until `release` or the process's end. Throws an OperatorError that names the
 * holder.
 */
export async function acquireDataDir(dir: string, times?: LockTimes): Promise<Lock> {
  const taken = await namingPath('data directory', dir, () => tryLock(join(dir, 'lock.json'), times));
  if ('lock' in taken) return taken.lock;
  const { holder, elsewhere } = taken;
  if (elsewhere) {
    throw new OperatorError(
      `data directory ${dir}: in use by a process of another container or machine (there its pid is ${holder.pid}). ` +
        'Stop that process, or choose another folder with DATA_DIR.',
    );
  }
  throw new OperatorError(
    `data directory ${dir}: in use by process ${holder.pid}` +
      `${holder.pid === process.pid ? ' (this one)' : ''}. ` +
      `Stop that process (kill ${holder.pid}) or choose another folder with DATA_DIR.`,
  );
}

import { spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { OperatorError } from '../common';
import { inspect, sha256 } from './inventory';
import { findProgram } from './java';
import { tryLock, type Lock } from './lock';
import { POM, cacheDir, readPart, type Part, type PartName } from './parts';
import { ALTERNATIVES, namingPath } from './remedy';

export type OnProgress = (text: string) => void;

const NEVER = new AbortController().signal;

/**
 * The folder with a part's files, complete and checked against embedded/checksums.txt at every call. Maven fetches them
 * if they are missing or damaged. Any number of processes may call this at once: one fetches, the others wait. Throws
 * an OperatorError.
 * @param signal ends Maven, and rejects with its reason; the next attempt uses the files that were fetched so far
 */
export async function fetchPart(
  name: PartName,
  onProgress: OnProgress = () => undefined,
  signal: AbortSignal = NEVER,
): Promise<string> {
  const part = await readPart(name);
  const cache = join(cacheDir(), 'parts');
  const folder = join(cache, `${name}-${part.fingerprint}`);
  if ((await inspect(folder, part)) === 'complete') return folder;
  return namingPath('cache folder', cache, async () => {
    const lock = await waitForLock(`${folder}.lock`, part, onProgress, signal);
    try {
      const condition = await inspect(folder, part);
      if (condition === 'complete') return folder;
      if (condition !== 'absent')
        onProgress(`${part.title}: ${condition.damaged} is damaged in the cache. Fetching it again`);
      await fetchInto(folder, part, onProgress, signal);
      return folder;
    } finally {
      await lock.release();
    }
  });
}

async function waitForLock(file: string, part: Part, onProgress: OnProgress, signal: AbortSignal): Promise<Lock> {
  for (;;) {
    signal.throwIfAborted();
    const taken = await tryLock(file);
    if ('lock' in taken) return taken.lock;
    onProgress(`${part.title}: process ${taken.holder.pid} fetches it. Waiting`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Fills a folder beside the final one, checks it, and only then puts it in its place. */
async function fetchInto(folder: string, part: Part, onProgress: OnProgress, signal: AbortSignal): Promise<void> {
  const staging = `${folder}.fetching`;
  const files = join(staging, 'files');
  // Not the user's own repository: its incomplete or damaged files do not matter here, and we leave nothing behind in
  // it. This one survives a failure, so that the next attempt fetches only missing files.
  const repository = join(staging, 'repository');
  await mkdir(staging, { recursive: true, mode: 0o700 });
  const maven = (flags: readonly string[]) => runMaven(part, files, flags, repository, onProgress, signal);
  const update = ['-U', `-Dmaven.repo.local=${repository}`];
  const online = await maven(update);
  // Without a network the user's own repository may still have everything.
  if (!online.ok && !(await maven(['-o'])).ok) throw notFetched(part, online.why);
  let wrong = await wrongFile(part, files);
  if (wrong !== undefined) {
    onProgress(`${part.title}: ${wrong} arrived damaged. Fetching it again`);
    await rm(staging, { recursive: true, force: true });
    const again = await maven(update);
    if (!again.ok) throw notFetched(part, again.why);
    wrong = await wrongFile(part, files);
  }
  if (wrong !== undefined) {
    await rm(staging, { recursive: true, force: true });
    throw notFetched(part, `${wrong} is not the file that embedded/checksums.txt names`);
  }
  if (part.listing !== null) await unpack(files, part);
  const condition = await inspect(files, part);
  if (condition !== 'complete') {
    const what = condition === 'absent' ? files : condition.damaged;
    await rm(staging, { recursive: true, force: true });
    throw notFetched(part, `${what} is not in embedded/checksums.txt, or has another checksum`);
  }
  await rm(folder, { recursive: true, force: true });
  await rename(files, folder);
  await rm(staging, { recursive: true, force: true });
  onProgress(`${part.title}: fetched`);
}

function notFetched(part: Part, why: string): OperatorError {
  return new OperatorError(
    `${part.title}: Maven cannot fetch it: ${why}. Is there a network, and does Maven need a proxy or mirror ` +
      `(~/.m2/settings.xml)? ${ALTERNATIVES}`,
  );
}

type MavenResult = { ok: true } | { ok: false; why: string };

async function runMaven(
  part: Part,
  output: string,
  flags: readonly string[],
  repository: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<MavenResult> {
  signal.throwIfAborted();
  const maven = await findProgram('mvn', process.env['MAVEN_HOME']);
  if (maven === undefined) {
    throw new OperatorError(
      `Maven: no mvn in MAVEN_HOME or on the PATH, but queuefold needs it to fetch ${part.title} once. ${ALTERNATIVES}`,
    );
  }
  await rm(output, { recursive: true, force: true });
  // -C: a file with a wrong checksum makes the fetch fail.
  const args = ['-B', '-C', '-f', POM, part.goal, `-DoutputDirectory=${output}`, ...flags];
  // A group of its own: mvn is a script, and its JVM has to end, too. And this process handles a terminal's Ctrl-C.
  const child = spawn(maven, args, { cwd: homedir(), stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const end = () => killGroup(child.pid);
  signal.addEventListener('abort', end);
  let why = '';
  let downloads = 0;
  const report = async () => {
    const mb = Math.round((await bytesBelow(repository)) / 1e6);
    if (mb > 0)
      onProgress(`Fetching ${part.title} (once): ${downloads} files, ${mb} of about ${part.approximateMb} MB`);
  };
  const timer = setInterval(() => void report(), 1_000);
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (/\bDownloaded from /.test(line)) downloads++;
    const [, error] = /\[ERROR\][^\w]*(.+)/.exec(line) ?? [];
    if (why === '' && error !== undefined) why = error.trim();
  });
  const ok = await new Promise<boolean>((resolve) => {
    child.once('error', (error) => {
      why = error.message;
      resolve(false);
    });
    child.once('close', (code) => resolve(code === 0));
  });
  clearInterval(timer);
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  return ok ? { ok } : { ok, why: why === '' ? 'it ended without a message' : why };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // ESRCH: all of it has ended.
  }
}

async function bytesBelow(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size;
  }
  return sum;
}

/** The first file that is missing or differs from the released one. */
async function wrongFile(part: Part, folder: string): Promise<string | undefined> {
  for (const [file, hash] of part.files) {
    if ((await sha256(join(folder, file)).catch(() => '')) !== hash) return file;
  }
  return undefined;
}

async function unpack(folder: string, part: Part): Promise<void> {
  for (const archive of part.files.keys()) {
    const child = spawn('tar', ['-xzf', archive, '--no-same-owner'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let problem = '';
    child.stderr.on('data', (text: Buffer) => (problem += text.toString()));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0)
      throw new OperatorError(`${part.title}: cannot unpack ${join(folder, archive)} (${problem.trim()})`);
    await rm(join(folder, archive));
  }
}

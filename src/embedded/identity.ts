import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

/** Identifies a process, and distinguishes it from a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Its start time, in the system's own notation: only ever compared for equality. */
  readonly started: string;
}

/**
 * The scope in which pids mean the same as here: one run of one kernel, and on Linux one namespace of pids (a container
 * has its own). Only ever compared for equality.
 */
export async function scopeOfPids(): Promise<string> {
  const known = [readFile('/proc/sys/kernel/random/boot_id', 'utf8'), readlink('/proc/self/ns/pid')];
  const parts = await Promise.all(known).catch(() => [process.platform, hostname()]);
  return parts.map((part) => part.trim()).join(' ');
}

/** The identity of a running process; undefined if no process has this pid (a zombie counts as none). */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined) return undefined;
    // The command's name, in parentheses, may contain anything, so fields count from after it (proc(5): 3 state, 22
    // starttime).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : { pid, started: fields[19] ?? '' };
  }
  const ps = promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
  const started = (await ps.catch(() => ({ stdout: '' }))).stdout.trim();
  return started === '' ? undefined : { pid, started };
}

export async function isRunning(known: ProcessIdentity): Promise<boolean> {
  return (await identify(known.pid))?.started === known.started;
}

/** Whether `known` ended within the time given. */
export async function endsWithin(known: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline;) {
    if (!(await isRunning(known))) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return !(await isRunning(known));
}

/** Reads the JSON of an identity; undefined for a missing, half-written or foreign file. */
export async function readIdentity(file: string): Promise<ProcessIdentity | undefined> {
  try {
    const read: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof read !== 'object' || read === null || !('pid' in read) || !('started' in read)) return undefined;
    const { pid, started } = read;
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}

import { spawn } from 'node:child_process';
import { constants, openSync, closeSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endsWithin, identify, isRunning, readIdentity } from './identity';

export interface JvmExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Jvm {
  readonly pid: number;
  readonly exited: Promise<JvmExit>;
  /** Sends SIGTERM, then SIGKILL if it still runs after `graceMs`. */
  stop(graceMs: number): Promise<void>;
  kill9(): Promise<void>;
}

export interface JvmOptions {
  readonly java: string;
  /** JVM flags, main class or -jar, arguments. */
  readonly args: readonly string[];
  /** The process's working folder. It also holds `jvm.json` and `<name>.out` (the output outside its own log). */
  readonly dir: string;
  readonly name: string;
}

/**
 * The JVM must not outlive this process, even if a SIGKILL ends this one. So a shell forks a watcher and becomes the
 * JVM (exec keeps the pid, so $$ is the JVM for the watcher). The watcher reads from a pipe whose other end only this
 * process holds. When that end closes, the watcher ends the JVM with SIGTERM, and then kills the whole group. If
 * Linux's setpriv exists, the kernel does the same should the watcher be killed, too. The group of its own keeps a
 * terminal's SIGINT away: this process decides when and in which order things stop. The group's id is the JVM's pid,
 * and while the watcher is in the group the system gives that pid to nobody else.
 */
const SUPERVISOR = `
umask 077
exec 3<&0
(
  read -r _ <&3
  kill -TERM "$$"
  n=0
  while kill -0 "$$" && [ "$n" -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
  kill -KILL "-$$"
) 2>/dev/null &
exec 3<&- </dev/null
if setpriv --pdeathsig TERM true 2>/dev/null; then exec setpriv --pdeathsig TERM "$@"; fi
exec "$@"
`;

/** Only these variables: others might configure the JVM, or contain a secret. */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'JAVA_HOME', 'JAVA_TOOL_OPTIONS', 'LD_LIBRARY_PATH'];

export async function startJvm(options: JvmOptions): Promise<Jvm> {
  await endLeftover(options.dir);
  const out = openSync(
    join(options.dir, `${options.name}.out`),
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND,
    0o600,
  );
  const env = Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
  const child = spawn('/bin/sh', ['-c', SUPERVISOR, options.name, options.java, ...options.args], {
    cwd: options.dir,
    env,
    detached: true,
    stdio: ['pipe', out, out],
  });
  closeSync(out);
  child.stdin?.on('error', () => undefined); // The reader is gone: the exit event contains everything.
  const exited = new Promise<JvmExit>((resolve) => {
    child.once('exit', (code, signal) => {
      if (child.pid !== undefined) killGroup(child.pid); // Ends the watcher.
      child.stdin?.destroy();
      const ended = () => resolve({ code, signal });
      void rm(join(options.dir, 'jvm.json'), { force: true }).then(ended, ended);
    });
  });
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve(child.pid ?? 0));
  });
  await rememberJvm(options.dir, pid);

  const kill9 = async () => {
    killGroup(pid);
    await exited;
  };
  const stop = async (graceMs: number) => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => killGroup(pid), graceMs);
    await exited;
    clearTimeout(timer);
  };
  return { pid, exited, stop, kill9 };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: all of it has ended.
  }
}

async function rememberJvm(dir: string, pid: number): Promise<void> {
  const identity = await identify(pid);
  if (identity !== undefined) await writeFile(join(dir, 'jvm.json'), JSON.stringify(identity), { mode: 0o600 });
}

/** The JVM of a parent that was just killed may still be shutting down. */
async function endLeftover(dir: string): Promise<void> {
  const leftover = await readIdentity(join(dir, 'jvm.json'));
  if (leftover === undefined || (await endsWithin(leftover, 10_000))) return;
  if (await isRunning(leftover)) killGroup(leftover.pid);
  await endsWithin(leftover, 5_000);
}

/** The first line that matches in any of these files; null: none. */
export async function findLine(files: readonly string[], pattern: RegExp): Promise<string | null> {
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const line = text.split('\n').find((each) => pattern.test(each));
    if (line !== undefined) return line.trim();
  }
  return null;
}

/** The last lines of the first of these files that has any, without stack frames, indented for an error message. */
export async function tailOf(files: readonly string[], count = 12): Promise<string> {
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s+(at |\.\.\. \d+ more)/.test(line));
    if (lines.length > 0) return `\n  ${file}:\n    ${lines.slice(-count).join('\n    ')}`;
  }
  return '';
}

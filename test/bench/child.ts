import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process of the benchmark: its reports, and the parent's words to it. */
export interface Child<T> {
  readonly pid: number;
  /** The next report of this kind. */
  next<K extends keyof T & string>(kind: K): Promise<T[K]>;
  tell(word: string): void;
  end(): Promise<void>;
}

/** @param profile a folder for the child's CPU profile */
export function startChild<T>(file: string, args: object, profile: string | null): Child<T> {
  const execArgv = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const child = fork(file, [JSON.stringify(args)], { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  return {
    pid: child.pid ?? 0,
    next: (kind) =>
      new Promise((resolve, reject) => {
        const take = (message: unknown): void => {
          const report = message as { kind: string; data: T[typeof kind] };
          if (report.kind !== kind) return;
          child.off('message', take).off('exit', fail);
          resolve(report.data);
        };
        const fail = (code: number | null): void => {
          reject(new Error(`${file} ended (${code ?? 'by a signal'}) before "${kind}"`));
        };
        child.on('message', take).once('exit', fail);
      }),
    tell: (word) => child.send(word),
    end: async () => {
      if (child.connected) child.send('end');
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Within a child: reports to the parent. */
export function report(kind: string, data: object): void {
  process.send?.({ kind, data });
}

/** Within a child: waits for a word of the parent. If the parent has gone, the child ends. */
export function heard(word: string): Promise<void> {
  return new Promise((resolve) => {
    const exit = (): void => process.exit(1);
    const take = (message: unknown): void => {
      if (message !== word) return;
      process.off('message', take).off('disconnect', exit);
      resolve();
    };
    process.on('message', take).once('disconnect', exit);
  });
}

/** This process's greatest resident memory, bytes. (`maxRSS` would be the parent's if that was greater at the fork.) */
export function peakMemory(): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kib !== undefined) return Number(kib) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

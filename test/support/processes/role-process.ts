import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../../src/common';
import { EndedError, until } from './until';

export type Environment = Readonly<Record<string, string>>;

interface Line {
  readonly time?: string;
  readonly msg?: string;
  readonly partitions?: readonly number[];
  readonly metrics?: string;
}

/** A place for one process at a time: `queuefold <command>`, killed and started again. */
export interface Role {
  readonly name: string;
  readonly command: string;
  start(extra?: Environment): void;
  /** Like `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Sends SIGTERM; its exit code must be 0. */
  stop(): Promise<void>;
  ready(): Promise<boolean>;
  /** The partitions of the last assignment that this process logged. */
  partitions(): readonly number[];
  /** When this process logged its last assignment, by its own clock, epoch ms; 0: no assignment yet. */
  assignedAt(): number;
  /** The exit code of the last process that ended on its own; null while it runs. */
  endedWith(): number | null;
  /** The address that `queuefold start` printed with a label (`Kafka`, `SQL`); empty before that. */
  address(label: string): string;
  /** How often all processes of this place have logged a message. */
  said(message: string): number;
  tail(): string;
}

const BIN = join(packageRoot(), 'bin', 'queuefold.js');
const HOOK = pathToFileURL(join(__dirname, 'role-hook.mjs')).href;
const TAIL_LINES = 60;
const STOP_LIMIT_MS = 120_000;
/** A health check may take two seconds, and the busy process also needs its turn. */
const READY_LIMIT_MS = 10_000;

/**
 * A fold works in one thread, unless the environment says otherwise.
 * @param onLine gets every line of stderr, of all processes of this place
 */
export function createRole(
  name: string,
  command: string,
  env: Environment,
  onLine: (text: string) => void = () => undefined,
): Role {
  const messages = new Map<string, number>();
  const tail: string[] = [];
  const addresses = new Map<string, string>();
  let current = launchNothing();

  function launchNothing() {
    return {
      pid: 0,
      ended: true,
      wanted: true,
      code: null as number | null,
      partitions: [] as readonly number[],
      assignedAt: 0,
      url: '',
    };
  }

  const note = (process: typeof current, text: string): void => {
    onLine(text);
    tail.push(text);
    if (tail.length > TAIL_LINES) tail.shift();
    const [, label, address] = /^([A-Z]\w+) {2,}(\S+)/.exec(text) ?? [];
    if (label !== undefined && address !== undefined) addresses.set(label, address);
    if (!text.startsWith('{')) return;
    const line = parse(text);
    if (line.msg === undefined) return;
    messages.set(line.msg, (messages.get(line.msg) ?? 0) + 1);
    if (line.msg === 'partitions assigned') {
      process.partitions = line.partitions ?? [];
      process.assignedAt = Date.parse(line.time ?? '');
    }
    if (line.msg === 'starting' && line.metrics !== undefined)
      process.url = line.metrics.replace(/metrics$/, 'health/ready');
  };

  const signal = (what: NodeJS.Signals): void => {
    if (!current.ended) process.kill(current.pid, what);
  };
  const gone = (how: string) =>
    until(`${name} (pid ${current.pid}) to end by ${how}`, STOP_LIMIT_MS, () => current.ended);

  return {
    name,
    command,
    start(extra = {}) {
      const child = spawn(process.execPath, ['--import', HOOK, BIN, command], {
        env: { PATH: process.env['PATH'] ?? '', FOLD_THREADS: '1', ...env, ...extra },
        stdio: ['pipe', 'ignore', 'pipe'],
      });
      const launched = { ...launchNothing(), pid: child.pid ?? 0, ended: false, wanted: false };
      current = launched;
      createInterface({ input: child.stderr }).on('line', (text) => note(launched, text));
      child.stdin.on('error', () => undefined);
      child.once('close', (code) => {
        launched.ended = true;
        launched.code = code;
      });
    },
    async kill() {
      current.wanted = true;
      signal('SIGKILL');
      await gone('SIGKILL');
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async stop() {
      current.wanted = true;
      signal('SIGTERM');
      await gone('SIGTERM');
      if (current.code !== 0) throw new Error(`${name} ended with ${current.code} after SIGTERM\n${tail.join('\n')}`);
    },
    async ready() {
      if (current.ended && !current.wanted) {
        throw new EndedError(`${name} ended by itself with ${current.code}:\n${tail.join('\n')}`);
      }
      if (current.url === '') return false;
      const answer = await fetch(current.url, { signal: AbortSignal.timeout(READY_LIMIT_MS) });
      await answer.body?.cancel();
      return answer.ok;
    },
    endedWith: () => (current.ended && !current.wanted ? current.code : null),
    address: (label) => addresses.get(label) ?? '',
    partitions: () => current.partitions,
    assignedAt: () => current.assignedAt,
    said: (message) => messages.get(message) ?? 0,
    tail: () => tail.join('\n'),
  };
}

/** According to their last assignments, every partition has one owner among them, and each of them has a share. */
export function isSharedOut(roles: readonly Role[], partitions: number): boolean {
  const owned = roles.map((role) => role.partitions());
  const all = owned.flat();
  return owned.every((each) => each.length > 0) && all.length === partitions && new Set(all).size === partitions;
}

function parse(text: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return {}; // the last line of a killed process
  }
}

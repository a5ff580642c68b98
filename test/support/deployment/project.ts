import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../../src/common';

/** A need of some tests of a project, beyond Node.js and Kafka. */
export interface Need {
  readonly what: string;
  readonly remedy: string;
  /** For --testPathIgnorePatterns, if the machine lacks it. */
  readonly tests: string;
  /** Why the machine lacks it; undefined: it does not. */
  lack(): Promise<string | undefined>;
}

export const PROMETHEUS: Omit<Need, 'what' | 'tests'> = {
  remedy: 'Debian: apt-get install --no-install-recommends prometheus',
  lack: () => failureOf('sh', ['-c', 'promtool --version && prometheus --version']),
};

/** The last line of a failing program's output; undefined: it does not fail. */
export async function failureOf(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    await promisify(execFile)(program, args);
    return undefined;
  } catch (error) {
    const { stderr = '' } = error as { readonly stderr?: string };
    return stderr.trim().split('\n').at(-1) || String(error);
  }
}

/** Fewer than in jest.config.mjs: these tests start clusters, containers and browsers. */
const WORKERS = availableParallelism() + 1;

/**
 * Runs one of jest's projects with jest's arguments. It leaves out the tests for which this machine lacks something,
 * and prints which.
 */
async function runProject(project: string, needs: readonly Need[], args: readonly string[]): Promise<void> {
  const ignored = ['/node_modules/'];
  for (const { what, remedy, tests, lack } of needs) {
    const reason = await lack();
    if (reason === undefined) continue;
    ignored.push(tests);
    process.stderr.write(`not run: ${what}: ${reason}. ${remedy}.\n`);
  }
  const jest = join(packageRoot(), 'node_modules', 'jest', 'bin', 'jest.js');
  const options = [
    `--selectProjects=${project}`,
    ...(args.some((arg) => /^(?:-w|-i|--maxWorkers|--runInBand)/.test(arg)) ? [] : [`--maxWorkers=${WORKERS}`]),
    ...ignored.map((pattern) => `--testPathIgnorePatterns=${pattern}`),
  ];
  const child = spawn(process.execPath, [jest, ...options, ...args], { cwd: packageRoot(), stdio: 'inherit' });
  // A terminal's signals reach jest directly; this process waits for jest's end.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}

/** `npm run test:deployment`, `npm run test:system`: with the arguments of this process. */
export function mainOfProject(project: string, needs: readonly Need[]): void {
  runProject(project, needs, process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  });
}

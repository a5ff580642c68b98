import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/common';
import { ContainerEngine } from '../support/deployment/container-engine';

/** What some of the tests need beyond Node.js and Kafka. */
interface Need {
  readonly what: string;
  readonly remedy: string;
  /** For --testPathIgnorePatterns, where the machine lacks it. */
  readonly tests: string;
  /** Why the machine lacks it; undefined where it does not. */
  lack(): Promise<string | undefined>;
}

const NEEDS: readonly Need[] = [
  {
    what: 'rules, metrics and drills',
    remedy: 'Debian: apt-get install --no-install-recommends prometheus',
    tests: '/test/(deployment/monitoring|drills)/',
    lack: () => failureOf('sh', ['-c', 'promtool --version && prometheus --version']),
  },
  {
    what: 'chart and linters',
    remedy: 'They need Linux on x64, Python 3 with pip, and the registries of npm and Python',
    tests: '/test/deployment/(chart|dockerfile)',
    lack: () => failureOf(join(packageRoot(), 'test', 'tools', 'install'), []),
  },
  {
    what: 'images',
    remedy: 'Debian: apt-get install --no-install-recommends podman runc',
    tests: '/test/deployment/image\\.',
    lack: async () => {
      const found = await ContainerEngine.find();
      if (!(found instanceof ContainerEngine)) return found.join('; ');
      await found.dispose();
      return undefined;
    },
  },
];

async function failureOf(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    await promisify(execFile)(program, args);
    return undefined;
  } catch (error) {
    const { stderr = '' } = error as { readonly stderr?: string };
    return stderr.trim().split('\n').at(-1) || String(error);
  }
}

/** jest's project `deployment`, with its arguments, without the tests for which this machine lacks something; says which. */
async function main(args: readonly string[]): Promise<void> {
  const ignored = ['/node_modules/'];
  for (const { what, remedy, tests, lack } of NEEDS) {
    const reason = await lack();
    if (reason === undefined) continue;
    ignored.push(tests);
    process.stderr.write(`not run: ${what}: ${reason}. ${remedy}.\n`);
  }
  const jest = join(packageRoot(), 'node_modules', 'jest', 'bin', 'jest.js');
  const options = ['--selectProjects=deployment', ...ignored.map((pattern) => `--testPathIgnorePatterns=${pattern}`)];
  const child = spawn(process.execPath, [jest, ...options, ...args], { cwd: packageRoot(), stdio: 'inherit' });
  // A terminal's signals reach jest by themselves; this process waits for its end.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../src/common';
import { relativeLinks } from '../support/files/markdown';

/** `npm pack` of a copy of the tree, so that the build does not change dist/ under other tests; then its installation. */

const run = promisify(execFile);
const root = packageRoot();
const work = mkdtempSync(join(tmpdir(), 'queuefold-package-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

interface Packed {
  readonly filename: string;
  readonly integrity: string;
  readonly files: readonly { readonly path: string }[];
}

const NOT_COPIED = ['node_modules', 'dist', '.git', '.cache', '.queuefold'].map((name) => join(root, name));

/** A checkout of its own, in which somebody else's build has left things. */
function checkout(name: string): string {
  const folder = join(work, name);
  cpSync(root, folder, { recursive: true, filter: (path) => !NOT_COPIED.includes(path) });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'dist', 'removed'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'dist', 'removed', 'module.js'));
  return folder;
}

async function pack(cwd: string): Promise<Packed & { readonly tarball: string }> {
  const { stdout } = await run('npm', ['pack', '--json', '--silent'], { cwd });
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('['))) as readonly Packed[];
  if (packed === undefined) throw new Error(`npm pack told of no package: ${stdout}`);
  return { ...packed, tarball: join(cwd, packed.filename) };
}

/** Two whole builds, and packages from the registry, on a machine that has other work. */
const PREPARATION_MS = 300_000;

let packed: readonly (Packed & { readonly tarball: string })[];
let paths: readonly string[];
beforeAll(async () => {
  packed = await Promise.all(['one', 'a-longer-name'].map((name) => pack(checkout(name))));
  paths = packed[0]?.files.map(({ path }) => path) ?? [];
}, PREPARATION_MS);

function tarballs(): readonly string[] {
  return packed.map(({ tarball }) => tarball);
}

describe('the package', () => {
  test('is the same to the byte, wherever it is packed', () => {
    const [one, other] = tarballs().map((path) => createHash('sha256').update(readFileSync(path)).digest('hex'));
    expect(one).toBe(other);
  });

  test('has what it needs to run, its schemas and its documents, and nothing else', () => {
    const folders = new Set(paths.map((path) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : path)));
    const documents = ['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md'];
    expect([...folders].sort()).toEqual(
      [...documents, 'bin', 'dist', 'docs', 'embedded', 'examples', 'package.json', 'schemas'].sort(),
    );
  });

  test('has a module for each source file and no other: no tests, no maps, and types of the client and the columns alone', () => {
    const types = paths.filter((path) => path.endsWith('.d.ts'));
    expect([...types].sort()).toEqual(
      ['client/index', 'client/open', 'client/types', 'conversation/columns'].map((name) => `dist/${name}.d.ts`),
    );
    const page = paths.filter((path) => path.startsWith('dist/board/page/'));
    expect(page.map((path) => path.replace(/-[\w-]{8}\./, '-HASH.')).sort()).toEqual(
      ['assets/index-HASH.css', 'assets/index-HASH.js', 'icon.svg', 'index.html'].map(
        (name) => `dist/board/page/${name}`,
      ),
    );
    const modules = paths.filter((path) => path.startsWith('dist/') && !types.includes(path) && !page.includes(path));
    expect(modules.length).toBeGreaterThan(200);
    const sources = modules.map((path) => path.replace(/^dist\/(.*)\.js$/, 'src/$1.ts'));
    expect(sources.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('has what its README links to', () => {
    const links = relativeLinks(readFileSync(join(root, 'README.md'), 'utf8'));
    expect(links.map(({ file }) => file).filter((file) => file !== '' && !paths.includes(file))).toEqual([]);
  });
});

describe('installed into an empty folder, without optional packages', () => {
  const folder = join(work, 'installed');
  const queuefold = (...args: readonly string[]) =>
    run(join(folder, 'node_modules', '.bin', 'queuefold'), args, { cwd: folder, env: { PATH: process.env['PATH'] } });

  beforeAll(async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{}'); // else npm takes the next folder above that has one
    const flags = ['--omit=optional', '--prefer-offline', '--no-audit', '--no-fund', '--silent'];
    await run('npm', ['install', ...flags, tarballs()[0] ?? ''], { cwd: folder });
  }, PREPARATION_MS);

  test('it tells its version', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect((await queuefold('--version')).stdout).toBe(`${version}\n`);
  });

  test('it folds a recording', async () => {
    const input = join(root, 'test', 'fixtures', 'cases', '04-answered.input.ndjson');
    const { stdout } = await queuefold('replay', input, '--quiet');
    expect(JSON.parse(stdout)).toMatchObject({ purpose: 'agent', state: 'connected' });
  });

  describe('queuefold/client', () => {
    /** Opens a table with a broker that is none: what says so is the client itself. */
    const USE = `openQueueTable({ brokers: ['localhost'], registry: 'http://localhost:8081' })
      .catch((error) => console.log(typeof openVisits, error.name, error.message));`;
    const SAID = 'function UsageError brokers[0]: "localhost". Write host:port, such as localhost:9092.\n';
    const node = (...args: readonly string[]) => run(process.execPath, args, { cwd: folder });

    test.each([
      ['an ES module imports it', 'program.mjs', `import { openQueueTable, openVisits } from 'queuefold/client';`],
      [
        'a CommonJS module requires it',
        'program.cjs',
        `const { openQueueTable, openVisits } = require('queuefold/client');`,
      ],
    ])('%s', async (_, name, line) => {
      writeFileSync(join(folder, name), `${line}\n${USE}\n`);
      expect((await node(name)).stdout).toBe(SAID);
    });

    test('a TypeScript program is checked against its types, and needs those of no dependency', async () => {
      const program = `
        import { openQueueTable, openVisits, type Change, type QueueConversation } from 'queuefold/client';
        const table = await openQueueTable({ brokers: ['a:1'], registry: { url: 'http://b', username: 'c', password: 'd' } });
        const since: Date | undefined = table.get('x')?.queue_connected_time;
        for await (const change of table.changes()) { const known: Change<QueueConversation> = change; void known; }
        const visits = await openVisits({ brokers: ['a:1'], registry: 'http://b', since: () => new Date() });
        const outcome: 'waiting' | 'answered' | 'abandoned' | 'flowed_out' | 'unknown' | undefined = visits.get('x', 'y')?.outcome;
        void [since, outcome, table.freshness().ageMs];
      `;
      const wrong = `
        import { openQueueTable } from 'queuefold/client';
        await openQueueTable({ brokers: 'a:1', registry: 'http://b' });
      `;
      writeFileSync(join(folder, 'program.mts'), program);
      writeFileSync(join(folder, 'wrong.mts'), wrong);
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const flags = ['--noEmit', '--strict', '--module', 'node16', '--target', 'es2023'];
      await node(tsc, ...flags, 'program.mts');
      const stdout = expect.stringMatching(/^wrong\.mts\(3,32\): error TS2322/);
      await expect(node(tsc, ...flags, 'wrong.mts')).rejects.toMatchObject({ stdout });
    });

    test('what is behind its exports cannot be imported', async () => {
      writeFileSync(join(folder, 'past.mjs'), `await import('queuefold/dist/log/index.js');\n`);
      await expect(node('past.mjs')).rejects.toMatchObject({
        stderr: expect.stringContaining('ERR_PACKAGE_PATH_NOT_EXPORTED'),
      });
    });
  });

  test('what needs an optional package says which one', async () => {
    const stderr = expect.stringMatching(/^queuefold: .*chdb/m);
    await expect(queuefold('start', '--log', 'memory')).rejects.toMatchObject({ code: 1, stderr });
  });
});

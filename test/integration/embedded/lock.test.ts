import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { WITH_TYPESCRIPT } from '../../support/processes/run-typescript';

/** As a container has it: pids of its own. */
const CONTAINER = ['--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];

function whyNoNamespaces(): string | null {
  try {
    execFileSync('unshare', [...CONTAINER, 'true'], { stdio: 'ignore' });
    return null;
  } catch (error) {
    return String(error).split('\n')[0] ?? 'unshare failed';
  }
}

const why = whyNoNamespaces();
const testWithNamespaces = why === null ? test : test.skip;
const started: ChildProcess[] = [];
let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'queuefold-lock-'))));
afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** Takes the folder in a namespace of its own, and says what came of it. */
async function take(): Promise<{ child: ChildProcess; said: string }> {
  const holder = join(__dirname, 'hold-lock.ts');
  const child = spawn('unshare', [...CONTAINER, process.execPath, '-e', WITH_TYPESCRIPT, holder, folder], {
    cwd: packageRoot(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: said.toString().trim() };
}

testWithNamespaces(
  `of two containers on one volume the second is refused, and takes it when the first was killed${why === null ? '' : ` (skipped: ${why})`}`,
  async () => {
    const first = await take();
    expect(first.said).toBe('taken');
    const before = await readFile(join(folder, 'lock.json'), 'utf8');
    expect((await take()).said).toMatch(/in use by a process of another container or machine/);
    expect(await readFile(join(folder, 'lock.json'), 'utf8')).toBe(before);

    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    expect((await take()).said).toBe('taken');
  },
);

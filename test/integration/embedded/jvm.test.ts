import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { endsWithin, identify, isRunning, type ProcessIdentity } from '../../../src/embedded/identity';
import { startJvm } from '../../../src/embedded/jvm';
import { temporaryFolders } from '../../support/files/folders';
import { runTypeScript } from '../../support/processes/run-typescript';
import { eventually } from '../../support/processes/until';

// Any program stands in for the JVM here; orphan.test.ts does the same with a real Kafka.
const newFolder = temporaryFolders();
const STUBBORN = ['/bin/sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'] as const;

async function heldBy(...program: readonly string[]) {
  const dir = await newFolder();
  const parent = runTypeScript(join(__dirname, 'hold-jvm.ts'), [dir, ...program]);
  return { dir, parent, jvm: await running(Number(await parent.firstLine)) };
}

/** When it ignores SIGTERM. */
async function stubborn(dir: string, name: string): Promise<void> {
  await eventually(async () => (await readFile(join(dir, `${name}.out`), 'utf8')) === 'ready\n');
}

async function running(pid: number): Promise<ProcessIdentity> {
  const identity = await identify(pid);
  if (identity === undefined) throw new Error(`no process ${pid}`);
  return identity;
}

/** The processes of a group. */
async function group(pgid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pgid=,pid=']);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  return rows.filter(([id]) => id === pgid).map(([, pid]) => pid ?? 0);
}

describe('a JVM whose parent is killed with SIGKILL', () => {
  test('ends', async () => {
    const { parent, jvm } = await heldBy('sleep', '600');
    parent.process.kill('SIGKILL');
    await eventually(async () => (await group(jvm.pid)).length === 0); // its watcher too
  });

  test('ends even if it ignores SIGTERM', async () => {
    const { dir, parent, jvm } = await heldBy(...STUBBORN);
    await stubborn(dir, 'held');
    parent.process.kill('SIGKILL');
    expect(await endsWithin(jvm, 60_000)).toBe(true);
  });

  // by the kernel's own means, which other systems do not have
  if (process.platform === 'linux')
    test('ends even if its watcher was killed before', async () => {
      const { parent, jvm } = await heldBy('sleep', '600');
      for (const pid of await group(jvm.pid)) if (pid !== jvm.pid) process.kill(pid, 'SIGKILL');
      parent.process.kill('SIGKILL');
      expect(await endsWithin(jvm, 30_000)).toBe(true);
    });
});

describe('a JVM', () => {
  test('does not get the SIGINT of the terminal: it is in a group of its own', async () => {
    const dir = await newFolder();
    const jvm = await startJvm({ dir, name: 'x', java: 'sleep', args: ['600'] });
    expect(await group(jvm.pid)).toContain(jvm.pid);
    expect(await group(jvm.pid)).not.toContain(process.pid);
    await jvm.stop(10_000);
  });

  test('is ended by stop() even if it ignores SIGTERM, with its watcher', async () => {
    const [java, ...args] = STUBBORN;
    const dir = await newFolder();
    const jvm = await startJvm({ dir, name: 'x', java, args });
    await stubborn(dir, 'x');
    await jvm.stop(300);
    expect(await jvm.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await eventually(async () => (await group(jvm.pid)).length === 0);
  });

  test('that still runs after its parent was killed is ended by the next start in the same folder', async () => {
    const { dir, parent, jvm: old } = await heldBy(...STUBBORN);
    await stubborn(dir, 'held');
    parent.process.kill('SIGKILL');
    const jvm = await startJvm({ dir, name: 'x', java: 'sleep', args: ['600'] });
    expect(await isRunning(old)).toBe(false);
    await jvm.stop(10_000);
  });

  test('sees neither secrets nor another program’s settings in its environment', async () => {
    const dir = await newFolder();
    process.env['GENESYS_CLIENT_SECRET'] = 'hush';
    process.env['QUARKUS_HTTP_PORT'] = '1';
    const jvm = await startJvm({ dir, name: 'x', java: '/bin/sh', args: ['-c', 'env > env.txt'] });
    await jvm.exited;
    const environment = await readFile(join(dir, 'env.txt'), 'utf8');
    expect(environment).toContain('PATH=');
    expect(environment).not.toMatch(/hush|QUARKUS/);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const BIN = join(__dirname, '..', '..', '..', 'bin', 'queuefold.js');
const CASE = join(__dirname, '..', '..', 'fixtures', 'cases', '01-caller-waits.input.ndjson');
let root: string;
beforeAll(async () => (root = await mkdtemp(join(tmpdir(), 'queuefold-replay-test-'))));
afterAll(() => rm(root, { recursive: true, force: true }));

/** `queuefold replay ARGS`, its stdin a pipe from `cat FILE`, with a careless umask, and where no temporary folder can be made. */
async function replay(args: readonly string[], dataDir: string) {
  const command = 'umask 000; cat "$1" | { shift; exec "$@"; }';
  const child = spawn('/bin/sh', ['-c', command, 'sh', CASE, process.execPath, BIN, 'replay', ...args], {
    env: { PATH: process.env['PATH'], DATA_DIR: dataDir, TMPDIR: join(root, 'nowhere') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

test('a recording on stdin goes into the embedded ClickHouse, which does not take it for data of its own', async () => {
  const fromStdin = await replay(['-', '--store', 'embedded'], join(root, 'a'));
  expect(fromStdin).toMatchObject({ code: 0, stderr: expect.stringMatching(/^1 line: 1 event, /m) });
  const fromFile = await replay([CASE, '--store', 'embedded'], join(root, 'a'));
  expect(fromFile).toMatchObject({ code: 0, stdout: fromStdin.stdout });
  expect(JSON.parse(fromFile.stdout)).toHaveProperty('conversation_id');
});

test('a replay writes below the data directory and leaves nothing there', async () => {
  const [absent, given] = [join(root, 'absent'), join(root, 'given')];
  await mkdir(given);
  expect(await replay(['-', '--store', 'embedded'], absent)).toMatchObject({ code: 0 });
  expect(await replay(['-', '--store', 'embedded'], given)).toMatchObject({ code: 0 });
  expect(await readdir(root)).not.toContain('absent');
  expect(await readdir(given)).toEqual([]);
});

test('what --keep keeps is for this user alone, whatever the umask', async () => {
  const dataDir = join(root, 'kept');
  const { code, stderr } = await replay(['-', '--store', 'embedded', '--keep'], dataDir);
  const kept = /^kept: (.+)$/m.exec(stderr)?.[1] ?? '';
  expect({ code, kept }).toEqual({ code: 0, kept: expect.stringMatching(`^${dataDir}/replay-`) });
  const paths = await readdir(dataDir, { recursive: true });
  expect(paths.length).toBeGreaterThan(20);
  for (const path of ['', ...paths]) {
    const found = await lstat(join(dataDir, path));
    expect([path, found.isSymbolicLink() ? 0 : found.mode & 0o077]).toEqual([path, 0]);
  }
});

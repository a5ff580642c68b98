import { mkdir, readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { identify } from '../../../src/embedded/identity';
import { acquireDataDir, tryLock } from '../../../src/embedded/lock';
import { temporaryFolders } from '../../support/files/folders';

const newFolder = temporaryFolders();

test('a folder that is in use is refused with the holder and the remedy, and is free after release', async () => {
  const dir = join(await newFolder(), 'new', 'folder');
  const lock = await acquireDataDir(dir);
  await expect(acquireDataDir(dir)).rejects.toThrow(
    `${dir}: in use by process ${process.pid} (this one). Stop that process`,
  );
  await lock.release();
  await (await acquireDataDir(dir)).release();
});

test.each([
  ['of a process that has ended', JSON.stringify({ pid: 999_999_999, started: '1' })],
  ['of an earlier process with the pid of a running one', JSON.stringify({ pid: process.pid, started: 'long ago' })],
  ['that is empty, after a power cut', ''],
  ['that is something else', '[]'],
])('a lock %s is replaced', async (_what, content) => {
  const dir = await newFolder();
  await writeFile(join(dir, 'lock.json'), content);
  const lock = await acquireDataDir(dir);
  await expect(acquireDataDir(dir)).rejects.toThrow('in use');
  await lock.release();
  expect(await readdir(dir)).toEqual([]);
});

test('of many that replace a stale lock at once, one gets it', async () => {
  const file = join(await newFolder(), 'lock');
  await writeFile(file, JSON.stringify({ pid: 999_999_999, started: '1' }));
  const taken = await Promise.all(Array.from({ length: 20 }, () => tryLock(file)));
  expect(taken.filter((result) => 'lock' in result)).toHaveLength(1);
});

const QUICK = { beatMs: 20, silentLooks: 5 };

/** As of a holder in another container, whose pid here is somebody else's. */
async function foreignLock(dir: string): Promise<string> {
  const file = join(dir, 'lock.json');
  const holder = { ...(await identify(process.pid)), scope: 'of another container', id: 'theirs' };
  await writeFile(file, JSON.stringify(holder));
  return file;
}

test('a holder in another container lives as long as it touches the file', async () => {
  const dir = await newFolder();
  const file = await foreignLock(dir);
  let now = 1_000_000;
  const beating = setInterval(() => void utimes(file, now, ++now).catch(() => undefined), 5);
  await expect(acquireDataDir(dir, QUICK)).rejects.toThrow(/in use by a process of another container or machine/);
  clearInterval(beating);
  const lock = await acquireDataDir(dir, QUICK);
  await lock.release();
  expect(await readdir(dir)).toEqual([]);
});

test('a holder touches the file for others to see', async () => {
  const dir = await newFolder();
  const lock = await acquireDataDir(dir, QUICK);
  const file = join(dir, 'lock.json');
  await utimes(file, 1, 1);
  while ((await stat(file)).mtimeMs === 1_000) await new Promise((resolve) => setTimeout(resolve, 10));
  await lock.release();
});

test('a holder that stood still for so long that another has taken it is told, and leaves that one alone', async () => {
  const dir = await newFolder();
  const lock = await acquireDataDir(dir, QUICK);
  const file = await foreignLock(dir);
  await lock.lost;
  await lock.release();
  expect(await readFile(file, 'utf8')).toContain('theirs');
});

test('the lock is for this user alone', async () => {
  const dir = join(await newFolder(), 'new');
  const lock = await acquireDataDir(dir);
  expect([(await stat(dir)).mode & 0o777, (await stat(join(dir, 'lock.json'))).mode & 0o777]).toEqual([0o700, 0o600]);
  await lock.release();
});

test('one that was killed while it replaced a stale lock does not block it for ever', async () => {
  const file = join(await newFolder(), 'lock');
  await writeFile(file, '');
  await writeFile(`${file}.replacing`, '');
  await utimes(`${file}.replacing`, new Date(0), new Date(0));
  expect(await tryLock(file)).toHaveProperty('lock');
});

test('a folder that cannot be made is named with the remedy', async () => {
  const folder = await newFolder();
  await writeFile(join(folder, 'file'), '');
  await expect(acquireDataDir(join(folder, 'file', 'data'))).rejects.toThrow(/A part of this path is a file/);
  await mkdir(join(folder, 'other'));
});

test('a process is identified while it runs', async () => {
  expect(await identify(process.pid)).toEqual(await identify(process.pid));
  expect(await identify(999_999_999)).toBeUndefined();
});

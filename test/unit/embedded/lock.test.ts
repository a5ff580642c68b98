import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { identify } from '../../../src/embedded/identity';
import { acquireDataDir, tryLock } from '../../../src/embedded/lock';
import { temporaryFolders } from '../../support/folders';

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

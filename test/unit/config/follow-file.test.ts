import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { followFile } from '../../../src/config/file-text';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'queuefold-follow-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What tools and people leave in the place of a file that holds a secret. */
test.each<[string, (path: string) => void]>([
  ['nothing', () => undefined],
  ['an empty file', (path) => writeFileSync(path, '')],
  ['a folder', (path) => mkdirSync(path)],
  ['a link to itself', (path) => symlinkSync(path, path)],
  ['a link to nothing', (path) => symlinkSync(join(folder, 'no such file'), path)],
  // Reading it would wait for ever.
  ['a pipe that nobody writes to', (path) => void execFileSync('mkfifo', [path])],
])('the text stays while %s is in the place of its file, and is new afterwards', (name, put) => {
  const path = join(folder, name.replaceAll(' ', '-'));
  writeFileSync(path, 'before\n');
  const read = followFile(path, 'before', () => true);
  expect(read()).toBe('before');
  rmSync(path);
  put(path);
  expect(read()).toBe('before');
  rmSync(path, { recursive: true, force: true });
  writeFileSync(path, 'after\n');
  expect(read()).toBe('after');
});

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from '@jest/globals';

/** For a test file: returns a function that makes a new folder, which is removed after its test. */
export function temporaryFolders(): () => Promise<string> {
  const made: string[] = [];
  afterEach(async () => {
    for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
  });
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'queuefold-test-'));
    made.push(folder);
    return folder;
  };
}

/** Every path below a folder, relative to it. Others may write and delete there meanwhile. */
export async function pathsBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = entries.map(async (entry) => {
    const inner = entry.isDirectory() ? await pathsBelow(join(folder, entry.name)) : [];
    return [entry.name, ...inner.map((path) => join(entry.name, path))];
  });
  return (await Promise.all(below)).flat();
}

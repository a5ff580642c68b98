import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Part } from './parts';

export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

export type Condition = 'complete' | 'absent' | { damaged: string };

/**
 * Compares a folder, file by file, with the hashes in the package, at every start. A record of an earlier check would
 * not help: somebody who can write into the cache could forge it. An extra file is as wrong as a changed one, because a
 * JVM may load it. (Measured: 0.1 s for Kafka's 43 MB, 0.35 s for the registry's 115 MB.)
 */
export async function inspect(folder: string, part: Part): Promise<Condition> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => null);
  if (entries === null) return 'absent';
  const found = new Map<string, string>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path);
    if (entry.isDirectory()) continue;
    // A link shows another file, and may show a third one a moment later.
    if (!entry.isFile()) return { damaged: name };
    // The file is gone: somebody replaces the folder.
    found.set(name, await sha256(path).catch(() => ''));
  }
  if (part.listing !== null)
    return listingHash(found) === part.listing ? 'complete' : { damaged: 'the unpacked folder' };
  const missing = [...part.files].find(([name, hash]) => found.get(name) !== hash)?.[0];
  const unknown = [...found.keys()].find((name) => !part.files.has(name));
  const damaged = missing ?? unknown;
  return damaged === undefined ? 'complete' : { damaged };
}

/** One hash for many files: of the output of `LC_ALL=C sha256sum` for them, in the order of their names. */
function listingHash(files: ReadonlyMap<string, string>): string {
  const names = [...files.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const listing = names.map((name) => `${files.get(name) ?? ''}  ${name}\n`).join('');
  return createHash('sha256').update(listing).digest('hex');
}

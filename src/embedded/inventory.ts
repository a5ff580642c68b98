import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';

/** Written after everything else: its presence says that the folder was complete, its content whether it still is. */
const MARKER = 'complete.json';

const Inventory = z.record(z.string(), z.object({ size: z.number(), modifiedMs: z.number(), sha256: z.string() }));

export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

export async function writeInventory(folder: string): Promise<void> {
  const inventory: z.infer<typeof Inventory> = {};
  for (const file of await filesBelow(folder)) {
    const { size, mtimeMs } = await stat(join(folder, file));
    inventory[file] = { size, modifiedMs: mtimeMs, sha256: await sha256(join(folder, file)) };
  }
  await writeFile(join(folder, MARKER), JSON.stringify(inventory));
}

export type Condition = 'complete' | 'absent' | { damaged: string };

/** Compares a folder with its inventory. A file is read again only when its size or time says that it was touched. */
export async function inspect(folder: string): Promise<Condition> {
  const text = await readFile(join(folder, MARKER), 'utf8').catch(() => undefined);
  if (text === undefined) return 'absent';
  let inventory: z.infer<typeof Inventory>;
  try {
    inventory = Inventory.parse(JSON.parse(text));
  } catch {
    return { damaged: MARKER };
  }
  for (const [file, known] of Object.entries(inventory)) {
    const path = join(folder, file);
    const found = await stat(path).catch(() => undefined);
    if (found?.size !== known.size) return { damaged: file };
    if (found.mtimeMs !== known.modifiedMs && (await sha256(path)) !== known.sha256) return { damaged: file };
  }
  return 'complete';
}

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../common';
import { namingPath } from '../embedded';

/** From which kind of organization the conversations of `queuefold start` come. */
export type Organization = 'simulated' | 'real';

const FILE = 'organization';

/**
 * Keeps invented and real conversations apart, because both would have the same topics and tables: a data directory
 * belongs to the kind of organization that used it first.
 * @throws UsageError that names the directory and the remedy
 */
export async function claimDataDir(dataDir: string, organization: Organization): Promise<void> {
  const file = join(dataDir, FILE);
  const owner = await ownerIn(file);
  if (owner === organization) return;
  if (owner === null) return namingPath('data directory', dataDir, () => writeFile(file, `${organization}\n`));
  const [theirs, yours] = owner === 'simulated' ? ['a simulated', 'a real'] : ['a real', 'a simulated'];
  throw new UsageError(
    `DATA_DIR: ${dataDir} holds conversations of ${theirs} organization, and this start has ${yours} one. Set DATA_DIR to ` +
      'another folder, so that they do not mix. Set it for `queuefold query`, too.',
  );
}

/** Null: the directory is new. */
async function ownerIn(file: string): Promise<Organization | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return (['simulated', 'real'] as const).find((one) => text.trim() === one) ?? null;
}

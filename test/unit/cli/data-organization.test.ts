import { expect, test } from '@jest/globals';
import { claimDataDir } from '../../../src/cli/data-organization';
import { UsageError } from '../../../src/common';
import { temporaryFolders } from '../../support/files/folders';

const newFolder = temporaryFolders();

test.each([
  ['simulated', 'real', /holds conversations of a simulated organization, and this start has a real one.*DATA_DIR/],
  ['real', 'simulated', /holds conversations of a real organization, and this start has a simulated one.*DATA_DIR/],
] as const)(
  'a data directory of a %s organization is refused to a %s one, and not to its own',
  async (first, other, why) => {
    const folder = await newFolder();
    await claimDataDir(folder, first);
    await claimDataDir(folder, first);
    const refused = claimDataDir(folder, other);
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(why);
    await claimDataDir(await newFolder(), other);
  },
);

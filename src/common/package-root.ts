import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The folder of package.json. schemas/ is beside it, in a checkout (src/) and in the installed package (dist/).
 * @throws Error if no folder above has one
 */
export function packageRoot(): string {
  for (let folder = __dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new Error(`${__dirname}: no folder above has a package.json`);
  }
}

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of package.json: schemas/ stands beside it, in a checkout (src/) as in the installed package (dist/). */
export function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

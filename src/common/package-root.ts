import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of package.json. schemas/ is beside it, in a checkout (src/) and in the installed package (dist/). */
export function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

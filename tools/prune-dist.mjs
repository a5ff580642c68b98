/**
 * Before a build: removes from dist/ what no source has any more, since `../config` would find an old config.js before
 * config/index.js. Where dist/ is gone, the compiler must not believe that it is still there.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

if (!existsSync('dist')) rmSync('.cache/tsc/build.tsbuildinfo', { force: true });
const built = existsSync('dist') ? readdirSync('dist', { recursive: true, withFileTypes: true }) : [];
for (const entry of built) {
  const path = join(entry.parentPath, entry.name);
  const module = /^(.*?)(?:\.d)?\.[cm]?[jt]s(?:\.map)?$/.exec(relative('dist', path))?.[1];
  // The board's page is made by another tool, which clears up after itself.
  if (module?.startsWith(join('board', 'page'))) continue;
  if (entry.isFile() && module !== undefined && !existsSync(join('src', `${module}.ts`))) rmSync(path);
}

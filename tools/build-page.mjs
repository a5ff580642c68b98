/** Builds the board's page into dist/board/page, unless nothing of it has changed since. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';

// Whatever the builder's environment says: a build for development has the paths of its sources in it.
process.env['NODE_ENV'] = 'production';

const PAGE = join('src', 'board', 'page');
const built = join('dist', 'board', 'page', 'index.html');
const sources = readdirSync(PAGE, { recursive: true }).map((name) => join(PAGE, name));
const newest = Math.max(...[...sources, 'package-lock.json'].map((path) => statSync(path).mtimeMs));
if (!existsSync(built) || statSync(built).mtimeMs < newest) {
  await build({ configFile: join(PAGE, 'vite.config.ts'), logLevel: 'warn' });
}

/** `npm run build`: everything in dist/, as far as it has changed. The compiler takes longest, so the others run beside it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import './prune-dist.mjs';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const remembered = ['--incremental', '--tsBuildInfoFile', '.cache/tsc/build.tsbuildinfo'];
const commands = [
  [tsc, '-p', 'tsconfig.build.json', ...remembered],
  ['tools/client-types.mjs'],
  ['tools/build-page.mjs'],
];
const codes = await Promise.all(
  commands.map(async (command) => {
    const [code] = await once(spawn(process.execPath, command, { stdio: 'inherit' }), 'close');
    return code ?? 1;
  }),
);
process.exitCode = Math.max(...codes);

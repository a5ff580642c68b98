/**
 * Compiles the benchmark with the sources and runs it. It does not translate while loading, because a compiler within
 * the fold's process would count as the fold's memory.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const built = join(root, '.cache', 'bench');
const require = createRequire(import.meta.url);

const options = ['-p', here, '--incremental', '--tsBuildInfoFile', join(built, 'bench.tsbuildinfo')];
const { status } = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), ...options], {
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);

// src/embedded looks for the shipped folder beside its own parent.
rmSync(join(built, 'embedded'), { recursive: true, force: true });
symlinkSync(join(root, 'embedded'), join(built, 'embedded'), 'junction');

require(join(built, 'test', 'bench', 'bench.js'));

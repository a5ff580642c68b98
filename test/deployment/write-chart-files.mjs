/** Runs write-chart-files.ts on the sources, as jest would. */
import { createRequire } from 'node:module';
import { transformFileSync } from '@swc/core';

const require = createRequire(import.meta.url);
const jsc = { parser: { syntax: 'typescript' }, target: 'es2023' };
require.extensions['.ts'] = (module, file) =>
  module._compile(transformFileSync(file, { jsc, module: { type: 'commonjs' } }).code, file);
require('./write-chart-files.ts');

// `run-main.mjs system/soak …` runs test/system/soak/main.ts of this checkout, without a build of the tests.
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);
const { transformFileSync } = load('@swc/core');
const jsc = { parser: { syntax: 'typescript' }, target: 'es2023' };
load.extensions['.ts'] = (module, file) =>
  module._compile(transformFileSync(file, { jsc, module: { type: 'commonjs' }, swcrc: false }).code, file);
// main.ts reads the other arguments, but not the folder.
const [folder] = process.argv.splice(2, 1);
load(`../../${folder}/main.ts`);

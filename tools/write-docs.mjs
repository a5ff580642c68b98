// Writes the files that are made from the sources. A test tells when they are out of date.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);
const { transformFileSync } = load('@swc/core');
const jsc = { parser: { syntax: 'typescript' }, target: 'es2023' };
load.extensions['.ts'] = (module, file) =>
  module._compile(transformFileSync(file, { jsc, module: { type: 'commonjs' }, swcrc: false }).code, file);

for (const [path, text] of Object.entries(load('./generated.ts').generatedFiles())) {
  writeFileSync(new URL(`../${path}`, import.meta.url), text);
}

// Writes the pages of docs/ that are made from the sources. Tests tell when they are out of date.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);
const { transformFileSync } = load('@swc/core');
const jsc = { parser: { syntax: 'typescript' }, target: 'es2023' };
load.extensions['.ts'] = (module, file) =>
  module._compile(transformFileSync(file, { jsc, module: { type: 'commonjs' }, swcrc: false }).code, file);

const { createMetrics } = load('../src/ops/metrics.ts');
const { metricsPage } = load('./metrics-page.ts');
writeFileSync(new URL('../docs/metrics.md', import.meta.url), metricsPage(createMetrics().definitions));

/**
 * `npm run licenses` writes docs/licenses.md; `--check` says what is wrong instead, and ends with 1.
 * Usage: node tools/licenses.mjs [--check] [--lock package-lock.json]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { shippedPackages } from './shipped.mjs';

/** Permissive ones, compatible with distribution under Apache-2.0. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
]);
const ROOT = join(fileURLToPath(import.meta.url), '..', '..');
const DOCUMENT = join(ROOT, 'docs', 'licenses.md');

/** One alternative of an SPDX expression must be allowed as a whole. Nested expressions do not occur. */
function isAllowed(license) {
  const alternatives = license.replace(/^\((.*)\)$/, '$1').split(' OR ');
  return alternatives.some((alternative) => alternative.split(' AND ').every((part) => ALLOWED.has(part)));
}

function render(packages) {
  const rows = packages.map(
    ({ name, version, license, optional }) => `| ${name} | ${version} | ${license} | ${optional ? 'optional' : ''} |`,
  );
  return [
    '# Licenses of what is installed with queuefold',
    '',
    'queuefold itself: Apache-2.0. `npm run licenses` writes this list from `package-lock.json`; a test holds it against the',
    'lock file and refuses licenses that are not permissive. Optional: installed unless `--omit=optional` is given.',
    '',
    '| package | version | license | |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, lock: { type: 'string' } },
});
const packages = shippedPackages(values.lock ?? join(ROOT, 'package-lock.json'));
const refused = packages.filter(({ license }) => !isAllowed(license));
for (const { name, version, license } of refused) {
  console.error(
    `${name} ${version}: license ${license} is not one of those allowed (${[...ALLOWED].join(', ')}). ` +
      'Use another package, or, after reading the license, add it to tools/licenses.mjs.',
  );
}
const text = render(packages);
if (!values.check) writeFileSync(DOCUMENT, text);
else if (readFileSync(DOCUMENT, 'utf8') !== text) {
  console.error('docs/licenses.md differs from package-lock.json. Write it again: npm run licenses');
  process.exitCode = 1;
}
if (refused.length > 0) process.exitCode = 1;

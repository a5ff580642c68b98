import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';

const read = (...path: readonly string[]): string => readFileSync(join(packageRoot(), ...path), 'utf8');

test.each([
  ['js', 'consume.mjs'],
  ['python', 'consume.py'],
  ['java', 'Consume.java'],
])('the program in %s on the page is the one that test/deployment runs: %s', (language, file) => {
  const page = read('docs', 'how-to', 'consume.md');
  expect(page).toContain(`\`\`\`${language}\n${read('examples', 'consume', file).trimEnd()}\n\`\`\`\n`);
});

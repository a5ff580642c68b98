import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

/** docs/design.md names the test of each guarantee by its title, in italics. */
const root = join(__dirname, '..', '..', '..');
const sources = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(root, 'test', file), 'utf8'))
  .join('\n');

test('every test that the design names exists', () => {
  const design = readFileSync(join(root, 'docs', 'design.md'), 'utf8');
  const guarantees = design.slice(design.indexOf('## Exactly once'), design.indexOf('## Bad input and faults'));
  const titles = [...guarantees.matchAll(/\*([^*\n]+)\*/g)]
    .map(([, title]) => title ?? '')
    .filter((title) => / /.test(title));
  expect(titles.length).toBeGreaterThan(12);
  expect(titles.filter((title) => !sources.includes(`'${title}'`))).toEqual([]);
});

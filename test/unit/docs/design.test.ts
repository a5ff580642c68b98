import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

/** The explanations name the test of each guarantee by its title, in italics. */
const root = join(__dirname, '..', '..', '..');
const sources = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(root, 'test', file), 'utf8'))
  .join('\n');

const pages = [
  'design.md',
  'reference/losses.md',
  ...readdirSync(join(root, 'docs', 'explanation')).map((name) => `explanation/${name}`),
];

test.each(pages)('every test that docs/%s names exists', (page) => {
  const guarantees = readFileSync(join(root, 'docs', page), 'utf8').replaceAll('**', '');
  const titles = [...guarantees.matchAll(/\*([^*\n]+(?:\n[^*\n]+)?)\*/g)]
    .map(([, title = '']) => title.replace(/\n */g, ' '))
    .filter((title) => / /.test(title));
  expect(titles.filter((title) => !sources.includes(`'${title}'`))).toEqual([]);
});

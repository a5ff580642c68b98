import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { relativeLinks } from '../../support/files/markdown';

const root = packageRoot();
const documents = [
  ...readdirSync(root),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name)),
  join('helm', 'queuefold', 'README.md'),
]
  .filter((name) => name.endsWith('.md'))
  .map((name) => join(root, name));

/** As GitHub makes them of headings. */
function anchorsOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(documents.map((path) => relative(root, path)))('every link of %s leads somewhere', (name) => {
  const path = join(root, name);
  const broken = relativeLinks(readFileSync(path, 'utf8')).filter(({ file, anchor }) => {
    const target = file === '' ? path : join(dirname(path), file);
    if (!existsSync(target)) return true;
    return anchor !== null && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
  });
  expect(broken).toEqual([]);
});

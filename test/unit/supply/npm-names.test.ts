import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';

/** A name that npm would be asked for: what `npx`, `npm exec` and `npm install` are given first. */
const ASKS_NPM = /\b(?:npx|npm (?:exec|x)|npm (?:install|i|add))[ \t]+(?!-)([@\w./-]+)/g;

function filesBelow(path: string): readonly string[] {
  const full = join(packageRoot(), path);
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((name) => statSync(join(packageRoot(), name)).isFile());
}

const manifest = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as Readonly<
  Record<'dependencies' | 'optionalDependencies', Readonly<Record<string, string>>>
>;
const DEPENDENCIES = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });

/** What a file has npm asked for, but for packages that this one depends on. */
const namesIn = (path: string) =>
  [...readFileSync(join(packageRoot(), path), 'utf8').matchAll(ASKS_NPM)]
    .map(([, name = '']) => name)
    .filter((name) => !DEPENDENCIES.includes(name.replace(/(?<!^)@.*$/, '')))
    .map((name) => `${path}: ${name}`);

describe('nobody is told to fetch from npm a package that is not ours', () => {
  test.each(['src', 'bin', 'embedded', 'schemas', 'helm', 'Dockerfile', 'docker-compose.yml'])(
    '%s, which runs where no checkout is, asks for none',
    (path) => {
      expect(filesBelow(path).flatMap(namesIn)).toEqual([]);
    },
  );

  test('the documents ask for this program alone, which a checkout has', () => {
    const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', ...filesBelow('docs')];
    const foreign = documents.flatMap(namesIn).filter((name) => !/: queuefold$/.test(name));
    expect(foreign).toEqual([]);
  });

  test('finds what it looks for', () => {
    expect([...'npx left-pad; npm exec other; npm install x'.matchAll(ASKS_NPM)].map(([, name]) => name)).toEqual([
      'left-pad',
      'other',
      'x',
    ]);
  });
});

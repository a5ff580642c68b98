import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';

test('each test file that is known to be slow exists', () => {
  const file = join(packageRoot(), 'test', 'support', 'jest', 'slow.json');
  const slow = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, number>>;
  expect(Object.keys(slow).filter((path) => !existsSync(join(packageRoot(), path)))).toEqual([]);
});

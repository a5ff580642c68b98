import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common/package-root';
import { createMetrics } from '../../../src/ops/metrics';
import { metricsPage } from '../../../tools/metrics-page';

const { definitions } = createMetrics();

test('docs/metrics.md is what `npm run docs` makes of the catalogue', () => {
  const page = readFileSync(join(packageRoot(), 'docs', 'metrics.md'), 'utf8');
  expect(page).toBe(metricsPage(definitions));
});

test('every metric has a row on the page', () => {
  const page = metricsPage(definitions);
  for (const { name } of definitions) expect(page.split(`| \`${name}\` |`)).toHaveLength(2);
});

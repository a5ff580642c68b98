import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { createMetrics } from '../../../src/ops';
import { generatedFiles } from '../../../tools/generated';
import { dashboards, selectorsOf } from '../../support/monitoring/monitoring';

test.each(Object.entries(generatedFiles()))('%s is what `npm run docs` makes', (path, text) => {
  expect(readFileSync(join(packageRoot(), path), 'utf8')).toBe(text);
});

test('every metric is on the page, and on the dashboard of the pipeline', () => {
  const page = generatedFiles()['docs/reference/metrics.md'] ?? '';
  const shown = dashboards()
    .flatMap(({ targets }) => targets.flatMap(({ query }) => selectorsOf(query)))
    .map(({ metric }) => metric.replace(/_bucket$/, ''));
  for (const { name } of createMetrics().definitions) {
    expect(page.split(`| \`${name}\` |`)).toHaveLength(2);
    expect(shown).toContain(name);
  }
});

test('panels of a dashboard do not overlap', () => {
  for (const [path, text] of Object.entries(generatedFiles())) {
    if (!path.endsWith('.json')) continue;
    const { panels } = JSON.parse(text) as {
      panels: readonly { title: string; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    const taken = new Map<string, string>();
    for (const { title, gridPos: at } of panels) {
      for (let x = at.x; x < at.x + at.w; x++) {
        for (let y = at.y; y < at.y + at.h; y++) {
          expect([title, taken.get(`${x} ${y}`), x < 24]).toEqual([title, undefined, true]);
          taken.set(`${x} ${y}`, title);
        }
      }
    }
  }
});

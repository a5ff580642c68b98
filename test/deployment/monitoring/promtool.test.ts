import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { collectProcessMetrics, createMetrics, renderMetrics } from '../../../src/ops';
import { ruleFiles } from '../../support/monitoring/monitoring';
import { promtool } from '../../support/monitoring/prometheus';

test.each(['bridge', 'fold', 'sink'] as const)('what a %s serves passes promtool’s check of metrics', async (role) => {
  const metrics = createMetrics();
  collectProcessMetrics(metrics.registry);
  const { body } = await renderMetrics(metrics.served([role]), undefined);
  metrics.registry.clear();
  expect(body).toContain(`queuefold_dead_letters_total{stage="${role}",`);
  expect(await promtool(['check', 'metrics'], body)).toBe('');
});

test('the rules have no error and nothing that its lint finds', async () => {
  expect(await promtool(['check', 'rules', '--lint=all', '--lint-fatal', ...ruleFiles()])).toContain('SUCCESS');
});

test('each alert fires when it should, with the words it should, and not otherwise', async () => {
  const folder = join(__dirname, 'rules');
  const files = readdirSync(folder).map((file) => join(folder, file));
  expect(await promtool(['test', 'rules', ...files])).toContain('SUCCESS');
});

import { expect, test } from '@jest/globals';
import { collectProcessMetrics, renderMetrics } from '../../../src/ops/exposition';
import { createMetrics } from '../../../src/ops/metrics';

interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

async function families(): Promise<readonly Family[]> {
  const { registry } = createMetrics();
  collectProcessMetrics(registry);
  const { body } = await renderMetrics(registry, undefined);
  registry.clear();
  return [...body.matchAll(/^# HELP (\S+) (.+)\n# TYPE \S+ (\w+)$/gm)].map(([, name = '', help = '', type = '']) => ({
    name,
    help,
    type,
  }));
}

const own = (family: Family) => family.name.startsWith('queuefold_');

test('exactly counters are named _total', async () => {
  const all = await families();
  expect(all.filter(own).length).toBeGreaterThan(20);
  expect(all.some(({ name }) => name === 'process_cpu_seconds_total')).toBe(true);
  for (const { name, type } of all) expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
});

test('names are words with underscores and base units, and every metric is explained', async () => {
  for (const { name, help } of (await families()).filter(own)) {
    expect(name).toMatch(/^[a-z]+(_[a-z0-9]+)*$/);
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)/);
    expect(help).toMatch(/\S/);
  }
});

test('a histogram or timestamp says its unit', async () => {
  const timed = (await families())
    .filter(own)
    .filter(({ name, type }) => type === 'histogram' || /timestamp/.test(name));
  for (const { name } of timed) expect(name).toMatch(/_seconds$/);
});

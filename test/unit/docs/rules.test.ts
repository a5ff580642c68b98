import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { createMetrics, type MetricDefinition } from '../../../src/ops';
import { dashboards, groupingsOf, rules, selectorsOf, type Selector } from '../../support/monitoring/monitoring';

const root = packageRoot();
const ALL = rules();
const ALERTS = ALL.flatMap((rule) => (rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert }]));
const RECORDED = new Set(ALL.flatMap(({ record }) => (record === undefined ? [] : [record])));
/** What Prometheus adds to every series of a target; `namespace` in Kubernetes only, elsewhere it is empty. */
const OF_TARGETS = ['job', 'instance', 'namespace', 'pod', 'le'];

const definitions = new Map<string, MetricDefinition>();
for (const definition of createMetrics().definitions) {
  const { name, type } = definition;
  const suffixes = type === 'histogram' ? ['_bucket', '_count', '_sum'] : [''];
  for (const suffix of suffixes) definitions.set(`${name}${suffix}`, definition);
}

/** What is wrong with a selector, in words; none: nothing. */
function problemsOf({ metric, matchers }: Selector): readonly string[] {
  if (RECORDED.has(metric)) return [];
  const definition = definitions.get(metric);
  if (definition === undefined) return [`${metric} is no metric`];
  return matchers.flatMap(({ label, operator, value }) => {
    const known = definition.labels[label];
    if (known === undefined) return OF_TARGETS.includes(label) ? [] : [`${metric} has no label ${label}`];
    if ('bounded' in known) return [];
    const values = operator.includes('~') ? value.split('|') : [value];
    return values.filter((one) => !known.includes(one)).map((one) => `${metric}: ${label} is never ${one}`);
  });
}

function labelsOf(promql: string): ReadonlySet<string> {
  return new Set([
    ...OF_TARGETS,
    ...selectorsOf(promql).flatMap(({ metric }) => Object.keys(definitions.get(metric)?.labels ?? {})),
  ]);
}

const EXPRESSIONS = [
  ...ALL.map(({ alert, record, expr }) => ({ where: alert ?? record ?? '', expr })),
  ...dashboards()
    .filter(({ file }) => file === 'pipeline-health.json')
    .flatMap(({ targets }) => targets.map(({ panel, query }) => ({ where: panel, expr: query }))),
];

describe('what alerts, recording rules and the dashboard ask Prometheus for', () => {
  test.each(EXPRESSIONS)('$where: metrics of the catalogue, with labels and values that they have', ({ expr }) => {
    expect(selectorsOf(expr).flatMap(problemsOf)).toEqual([]);
    expect(groupingsOf(expr).filter((label) => !labelsOf(expr).has(label))).toEqual([]);
  });
});

describe('alerts', () => {
  const page = readFileSync(join(root, 'docs', 'reference', 'alerts.md'), 'utf8');

  test.each(ALERTS)(
    '$alert says what is wrong, how bad it is and where to read on',
    ({ alert, labels, annotations }) => {
      expect(labels?.['severity']).toMatch(/^(critical|warning)$/);
      expect(Object.keys(annotations ?? {}).sort()).toEqual(['description', 'runbook_url', 'summary']);
      expect(annotations?.['runbook_url']).toBe(`docs/reference/alerts.md#${alert.toLowerCase()}`);
    },
  );

  test('the runbook has an entry for each, with the four answers, and for nothing else', () => {
    const entries = [...page.matchAll(/^## (Queuefold\w+)\n([\s\S]*?)(?=\n## |$(?![\s\S]))/gm)].map(
      ([, title = '', text = '']) => ({
        title,
        answers: [...text.matchAll(/^- \*\*([^*]+):\*\* /gm)].map(([, answer]) => answer),
      }),
    );
    expect(entries.map(({ title }) => title).sort()).toEqual(ALERTS.map(({ alert }) => alert).sort());
    for (const { answers } of entries) expect(answers).toEqual(['Means', 'Users notice', 'Look at', 'Do']);
  });

  test('each has a promtool test that fires it and one that does not', () => {
    const read = (name: string): string =>
      readFileSync(join(root, 'test', 'deployment', 'monitoring', 'rules', `${name}.test.yaml`), 'utf8');
    const names = [...`${read('alerts')}\n${read('latency-objective')}`.matchAll(/^ {2}- name: (.*)$/gm)];
    for (const { alert } of ALERTS) {
      const mine = names.map(([, name = '']) => name).filter((name) => name.startsWith(`${alert} `));
      expect([alert, ...mine.map((name) => name.split(' ').slice(1, 2).join()).sort()]).toEqual([alert, 'fires', 'is']);
    }
  });
});

import type { LabelSpec, MetricDefinition, MetricRole } from '../src/ops/metric-builder';

const SECTIONS: readonly { readonly title: string; readonly roles: readonly MetricRole[] }[] = [
  { title: 'Every role', roles: ['bridge', 'fold', 'sink', 'board'] },
  { title: 'Bridge, fold and sink', roles: ['bridge', 'fold', 'sink'] },
  { title: 'Bridge', roles: ['bridge'] },
  { title: 'Fold', roles: ['fold'] },
  { title: 'Fold and sink', roles: ['fold', 'sink'] },
  { title: 'Sink', roles: ['sink'] },
  { title: 'Board', roles: ['board'] },
];

const INTRODUCTION = `# Metrics

\`npm run docs\` writes this page from \`src/ops/metrics.ts\`; do not edit it.

Each role serves its metrics at \`/metrics\`, and \`queuefold start\` serves those of all roles. The format is Prometheus
text, or OpenMetrics when the scraper asks for it (\`Accept: application/openmetrics-text\`). In OpenMetrics, histograms
carry exemplars: the trace id of the slowest event of a batch. Node.js adds \`process_*\` and \`nodejs_*\`: CPU, memory,
event loop and garbage collection.

- Counters with listed labels start as zeros.
- A gauge of a time is absent until the time is known.
- A gauge of a partition is absent while another process has the partition.

\`helm/queuefold/rules/\` has the alerts on these metrics, and the [runbook](alerts.md) says what to do.
`;

/** docs/reference/metrics.md: every metric with its labels, their values and its meaning. */
export function metricsPage(definitions: readonly MetricDefinition[]): string {
  const sections = SECTIONS.map(({ title, roles }) => {
    const rows = definitions.filter((one) => one.roles.join() === roles.join()).map(row);
    return `## ${title}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return [INTRODUCTION, ...sections].join('\n');
}

function row({ name, type, labels, help }: MetricDefinition): string {
  return `| \`${name}\` | ${type} | ${labelsText(labels)} | ${help} |`;
}

function labelsText(labels: LabelSpec): string {
  const texts = Object.entries(labels).map(([label, values]) =>
    'bounded' in values
      ? `\`${label}\` (${values.bounded})`
      : `\`${label}\`: ${values.map((value) => `\`${value}\``).join(' ')}`,
  );
  return texts.length === 0 ? '–' : texts.join('<br>');
}

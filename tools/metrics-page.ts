import type { LabelSpec, MetricDefinition, MetricRole } from '../src/ops/metric-builder';

const SECTIONS: readonly { readonly title: string; readonly roles: readonly MetricRole[] }[] = [
  { title: 'Every role', roles: ['bridge', 'fold', 'sink'] },
  { title: 'Bridge', roles: ['bridge'] },
  { title: 'Fold', roles: ['fold'] },
  { title: 'Fold and sink', roles: ['fold', 'sink'] },
  { title: 'Sink', roles: ['sink'] },
];

const INTRODUCTION = `# Metrics

Made from \`src/ops/metrics.ts\` by \`npm run docs\`; do not edit.

Each role serves its own at \`/metrics\`, \`queuefold start\` all of them: Prometheus text, or OpenMetrics when the scraper asks for it
(\`Accept: application/openmetrics-text\`). Histograms then carry exemplars: the trace id of the slowest event of a batch. Besides, there are
\`process_*\` and \`nodejs_*\`: CPU, memory, event loop, garbage collection.

Counters whose labels are listed below are there as zeros from the start. A gauge of a time is absent until it is known, one of a partition while another process has it.
The alerts on them are in \`helm/queuefold/rules/\`, what to do then in [the runbook](alerts.md).
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

import { version } from '../package.json';
import { createMetrics } from '../src/ops';
import { asyncApi } from './asyncapi';
import { commandsPage } from './commands-page';
import { dashboardJson } from './dashboards/grafana';
import { PIPELINE_HEALTH } from './dashboards/pipeline-health';
import { QUEUE_PERFORMANCE } from './dashboards/queue-performance';
import { QUEUES_LIVE } from './dashboards/queues-live';
import { metricsPage } from './metrics-page';
import { settingsPage } from './settings-page';
import { topicsPage } from './topics-page';

/** Files of the repository that are made from its sources, by their paths: `npm run docs` writes them, a test compares. */
export function generatedFiles(): Readonly<Record<string, string>> {
  return {
    'schemas/asyncapi.yaml': asyncApi(version),
    'docs/reference/commands.md': commandsPage(),
    'docs/reference/settings.md': settingsPage(),
    'docs/reference/topics.md': topicsPage(),
    'docs/reference/metrics.md': metricsPage(createMetrics().definitions),
    'helm/queuefold/dashboards/pipeline-health.json': dashboardJson(PIPELINE_HEALTH),
    'helm/queuefold/dashboards/queue-performance.json': dashboardJson(QUEUE_PERFORMANCE),
    'helm/queuefold/dashboards/queues-live.json': dashboardJson(QUEUES_LIVE),
  };
}

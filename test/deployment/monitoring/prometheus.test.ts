import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { dashboards, ruleFiles } from '../../support/monitoring/monitoring';
import { promtool, startPrometheus, type Prometheus } from '../../support/monitoring/prometheus';
import { until } from '../../support/processes/until';

/** The rules and the dashboard on a real Prometheus, which scrapes all roles at work on simulated conversations. */
const SOON_MS = 200_000;

/**
 * Metrics that are served only when something is wrong, or only with FOLD_STANDBY=on. Every query of others must show
 * something here.
 */
const ABSENT_WHEN_WELL = [
  'ALERTS',
  'queuefold_bridge_refused_queues',
  'queuefold_bridge_events_requests_total',
  'queuefold_sink_retries_total',
  'queuefold_fold_standby_lag_records',
];

const folder = mkdtempSync(join(tmpdir(), 'queuefold-monitored-'));
let queuefold: ChildProcess;
let url = '';
let prometheus: Prometheus;

beforeAll(async () => {
  queuefold = spawn(
    process.execPath,
    [join(packageRoot(), 'bin', 'queuefold.js'), 'start', '--log', 'memory', '--rate', '10'],
    {
      env: { PATH: process.env['PATH'], DATA_DIR: folder, HTTP_PORT: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  queuefold.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const address = (): string => /^Metrics +http:\/\/(\S+)\/metrics$/m.exec(said)?.[1] ?? '';
  await until('all roles run', SOON_MS, () => address() !== '');
  url = `http://${address()}/metrics`;
  prometheus = await startPrometheus({ targets: [address()], rules: ruleFiles() });
  const recorded = 'queuefold:events_late:ratio_rate5m >= 0 and queuefold:events_late:ratio_rate30d >= 0';
  await until('the latency is recorded', SOON_MS, async () => (await prometheus.query(recorded)).length > 0);
}, 600_000);

afterAll(async () => {
  await prometheus.stop();
  queuefold.kill();
  await once(queuefold, 'exit');
  rmSync(folder, { recursive: true, force: true });
});

test('what is served passes promtool’s check of metrics', async () => {
  expect(await promtool(['check', 'metrics'], await (await fetch(url)).text())).toBe('');
});

test('it is scraped as OpenMetrics, and the latency has traces as exemplars', async () => {
  const open = await fetch(url, { headers: { accept: 'application/openmetrics-text; version=1.0.0' } });
  expect(open.headers.get('content-type')).toContain('application/openmetrics-text');
  await until('a scrape that succeeds', SOON_MS, async () => (await prometheus.query('up'))[0]?.value === 1);
  const query = 'queuefold_end_to_end_latency_seconds_bucket';
  const exemplars = async () => {
    const now = Date.now() / 1_000;
    return (await prometheus.api('query_exemplars', { query, start: `${now - 600}`, end: `${now}` })) as {
      seriesLabels: { stage: string };
      exemplars: { labels: { trace_id: string } }[];
    }[];
  };
  const stagesOf = (series: Awaited<ReturnType<typeof exemplars>>) =>
    [...new Set(series.map(({ seriesLabels }) => seriesLabels.stage))].sort();
  // The last stage has its first ones later than the first stage.
  await until('exemplars of all stages', SOON_MS, async () => stagesOf(await exemplars()).length >= 3);
  const series = await exemplars();
  expect(stagesOf(series)).toEqual(['kafka', 'state', 'store']);
  for (const each of series) {
    for (const { labels } of each.exemplars) expect(labels.trace_id).toMatch(/^[\da-f]{32}$/);
  }
});

test('the watermarks of all stages advance, and the pipeline is not behind', async () => {
  const watermarks = () => prometheus.query('min by (stage) (queuefold_low_watermark_timestamp_seconds)');
  await until('all stages to have one', SOON_MS, async () => (await watermarks()).length >= 4);
  const first = await watermarks();
  expect(first.map(({ metric }) => metric['stage']).sort()).toEqual(['kafka', 'state', 'store', 'visits']);
  const last = Math.max(...first.map(({ value }) => value));
  await until('each stage to be where the first one was', SOON_MS, async () =>
    (await watermarks()).every(({ value }) => value > last),
  );
});

test('every rule is evaluated without an error, and a pipeline that is well raises no alert', async () => {
  const evaluated = async () => {
    const { groups } = (await prometheus.api('rules')) as {
      groups: { rules: { name: string; health: string; state?: string; lastError?: string }[] }[];
    };
    return groups.flatMap(({ rules }) => rules);
  };
  // Each group of rules has its own moment within an interval.
  await until('each rule to be evaluated', SOON_MS, async () =>
    (await evaluated()).every(({ health }) => health !== 'unknown'),
  );
  const all = await evaluated();
  expect(all.map(({ name, health, lastError }) => ({ name, health, lastError }))).toEqual(
    all.map(({ name }) => ({ name, health: 'ok', lastError: undefined })),
  );
  expect(all.filter(({ state }) => state === 'firing')).toEqual([]);
});

describe('the dashboard of the pipeline', () => {
  const targets = dashboards()
    .filter(({ file }) => file === 'pipeline-health.json')
    .flatMap((dashboard) => dashboard.targets);

  test.each(targets)('$panel: $query', async ({ query }) => {
    const ask = () => prometheus.query(query.replaceAll('$__rate_interval', '1m'));
    await ask();
    if (ABSENT_WHEN_WELL.some((name) => query.includes(name))) return;
    // Some of it is rare: a rate needs two scrapes behind it.
    await until('something to be shown', SOON_MS, async () => (await ask()).length > 0);
  });
});

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Simulator, startSimulator } from '../../../src/simulator';
import { genesysSettings } from '../../support/genesys/genesys-settings';
import { promtool, startPrometheus, type Prometheus } from '../../support/monitoring/prometheus';
import {
  servicesForProcesses,
  startQueuefold,
  type QueuefoldProcess,
  type ServicesForProcesses,
} from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';

/** What each role serves as a process of its own, on a real Kafka under traffic, and what a real Prometheus makes of it. */
const SOON_MS = 180_000;
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0';
/** Each role, and the stage whose latency and watermark it tells. */
const STAGES = { bridge: 'kafka', fold: 'state', sink: 'store' } as const;
const ROLES = ['bridge', 'fold', 'sink'] as const;

let services: ServicesForProcesses;
let simulator: Simulator;
let prometheus: Prometheus;
const processes = new Map<string, QueuefoldProcess>();

const processOf = (role: string): QueuefoldProcess => {
  const found = processes.get(role);
  if (found === undefined) throw new Error(`no ${role}`);
  return found;
};
const instanceOf = (role: string): string => new URL(processOf(role).url()).host;

beforeAll(async () => {
  services = await servicesForProcesses();
  simulator = await startSimulator({ seed: 5, queues: 4, speed: 20, conversationsPerSecond: 1 });
  const unique = `${Date.now()}`;
  const env = {
    ...services.env,
    TOPIC_PREFIX: `metrics-${unique}`,
    CLICKHOUSE_DATABASE: `metrics_${unique}`,
    PARTITIONS: '2',
    ...genesysSettings(simulator),
  };
  await startQueuefold(['setup'], env).done();
  for (const role of ROLES) processes.set(role, startQueuefold([role], env));
  for (const role of ROLES) await processOf(role).ready();
  prometheus = await startPrometheus({ targets: ROLES.map(instanceOf), rules: [], everySeconds: 1 });
  const served = 'queuefold_end_to_end_latency_seconds_count > 10';
  await until('traffic through all stages', SOON_MS, async () => (await prometheus.query(served)).length === 3);
}, 600_000);
afterAll(async () => {
  await prometheus.stop();
  for (const one of processes.values()) await one.kill();
  await simulator.stop();
  await services.dispose();
});

describe.each(ROLES)('what a %s serves', (role) => {
  test('passes promtool’s check of metrics', async () => {
    const body = await processOf(role).get('/metrics');
    expect(body).toContain(`queuefold_end_to_end_latency_seconds_count{stage="${STAGES[role]}"`);
    expect(await promtool(['check', 'metrics'], body)).toBe('');
  });

  test('is of its own stage alone', async () => {
    const stages = [...(await processOf(role).get('/metrics')).matchAll(/latency_seconds_count\{stage="(\w+)"/g)];
    expect(new Set(stages.map(([, stage]) => stage))).toEqual(new Set([STAGES[role]]));
  });

  test('is scraped as OpenMetrics, and its latency has exemplars that Prometheus keeps', async () => {
    expect(await processOf(role).get('/metrics', { accept: OPEN_METRICS })).toMatch(
      /latency_seconds_bucket\{.*\} \d+ # \{trace_id="[\da-f]{32}"[^}]*\} [\d.]+ [\d.]+\n(.*\n)*# EOF\n$/,
    );
    const instance = instanceOf(role);
    // A scrape that takes longer than a second, as it may on a busy machine, has failed.
    await until('a scrape that succeeds', SOON_MS, async () => {
      const up = await prometheus.query(`up{instance="${instance}"}`);
      return up.length === 1 && up[0]?.value === 1;
    });
    const exemplars = async () => {
      const now = Date.now() / 1_000;
      return (await prometheus.api('query_exemplars', {
        query: `queuefold_end_to_end_latency_seconds_bucket{instance="${instance}"}`,
        ...{ start: `${now - 600}`, end: `${now}` },
      })) as { seriesLabels: { stage: string }; exemplars: { labels: { trace_id: string } }[] }[];
    };
    await until('exemplars', SOON_MS, async () => (await exemplars()).length > 0);
    const series = await exemplars();
    const traces = series.flatMap(({ exemplars: each }) => each.map(({ labels }) => labels.trace_id));
    expect(traces).not.toEqual([]);
    for (const trace of traces) expect(trace).toMatch(/^[\da-f]{32}$/);
    expect(new Set(series.map(({ seriesLabels }) => seriesLabels.stage))).toEqual(new Set([STAGES[role]]));
  });
});

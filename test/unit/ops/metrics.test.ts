import { describe, expect, test } from '@jest/globals';
import { renderMetrics } from '../../../src/ops/exposition';
import { observeLatency } from '../../../src/ops/latency';
import { createMetrics } from '../../../src/ops/metrics';

const OPEN_METRICS = 'application/openmetrics-text';
const trace = (digit: string): string => `00-${digit.repeat(32)}-${'1'.repeat(16)}-00`;
const NOON = Date.parse('2026-03-02T12:00:00Z');

describe('what a role serves', () => {
  test('is its own metrics, with zeros for what may come to be counted', async () => {
    const { body } = await renderMetrics(createMetrics().served(['fold']), undefined);
    expect(body).toContain('queuefold_fold_records_total{kind="tombstone"} 0\n');
    expect(body).toContain('queuefold_dead_letters_total{stage="fold",reason="not-avro"} 0\n');
    expect(body).not.toMatch(/queuefold_(bridge|sink|genesys|cleanup)_|stage="(bridge|sink)"/);
  });

  test('has no time of something that has not happened', async () => {
    const metrics = createMetrics();
    const served = metrics.served(['bridge', 'fold', 'sink']);
    expect((await renderMetrics(served, undefined)).body).not.toMatch(/^queuefold_\w+_timestamp_seconds/m);
    metrics.sinkLastSuccess.set(1_772_452_800);
    expect((await renderMetrics(served, undefined)).body).toMatch(/^queuefold_sink_last_success_timestamp_seconds 1/m);
  });
});

test('a bridge that reads no table back, as without Genesys, is not one that fails to', async () => {
  const metrics = createMetrics();
  const served = metrics.served(['bridge']);
  expect((await renderMetrics(served, undefined)).body).not.toMatch(/^queuefold_bridge_table_read /m);
  metrics.tableRead.set(0);
  expect((await renderMetrics(served, undefined)).body).toMatch(/^queuefold_bridge_table_read 0$/m);
});

describe('the latency of events', () => {
  test('is observed of each; the slowest is the exemplar, in OpenMetrics alone', async () => {
    const metrics = createMetrics();
    const received = [
      { at: NOON - 300, traceparent: trace('a') },
      { at: NOON - 900, traceparent: trace('b') },
      { at: NOON + 50, traceparent: trace('c') },
    ];
    observeLatency(metrics, 'store', received, NOON);
    const served = metrics.served(['sink']);
    const name = 'queuefold_end_to_end_latency_seconds';
    const open = (await renderMetrics(served, OPEN_METRICS)).body;
    expect(open).toContain(`${name}_bucket{le="0.5",stage="store"} 2\n`);
    expect(open).toMatch(new RegExp(`_bucket\\{le="1",stage="store"\\} 3 # \\{trace_id="${'b'.repeat(32)}"\\} 0.9 `));
    expect(open).toContain(`${name}_sum{stage="store"} 1.2\n`);
    expect((await renderMetrics(served, undefined)).body).not.toContain('trace_id');
  });

  test('needs no trace, and takes none that is malformed', async () => {
    const metrics = createMetrics();
    for (const traceparent of [undefined, '', 'x', trace('0'), `00-${'g'.repeat(32)}-1-00`]) {
      observeLatency(metrics, 'kafka', [{ at: NOON, traceparent }], NOON);
    }
    const { body } = await renderMetrics(metrics.served(['bridge']), OPEN_METRICS);
    expect(body).toContain('queuefold_end_to_end_latency_seconds_count{stage="kafka"} 5\n');
    expect(body).not.toContain('trace_id');
  });
});

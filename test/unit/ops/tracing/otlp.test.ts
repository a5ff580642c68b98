import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { inSpan, isSampled, newSpanId } from '../../../../src/common';
import { createMetrics, type Metrics } from '../../../../src/ops/metrics';
import { startTracing, type TracingOptions } from '../../../../src/ops/tracing/otlp';
import type { Span, Tracing } from '../../../../src/ops/tracing/port';
import { until } from '../../../support/clickhouse/sink';
import { receiveSpans, type SpanReceiver } from '../../../support/monitoring/span-receiver';

let receiver: SpanReceiver;
let metrics: Metrics;
let lines: Record<string, unknown>[];
const started: Tracing[] = [];

beforeEach(async () => {
  receiver = await receiveSpans();
  metrics = createMetrics();
  lines = [];
});
afterEach(async () => {
  for (const tracing of started.splice(0)) await tracing.stop();
  await receiver.close();
});

async function tracingWith(changed: Partial<TracingOptions> = {}): Promise<Tracing> {
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) });
  const options = { endpoint: receiver.url, headers: undefined, ratio: 1, version: '1.2.3', metrics, logger };
  const tracing = await startTracing({ ...options, ...changed });
  if (tracing === null) throw new Error('nothing is traced');
  started.push(tracing);
  return tracing;
}

function aSpan(tracing: Tracing, changed: Partial<Span> = {}): Span {
  const traceparent = tracing.begin();
  const times = { startedAt: 1_767_600_000_123, endedAt: 1_767_600_000_456 };
  return {
    role: 'fold',
    name: 'a',
    kind: 'client',
    traceparent,
    parent: null,
    links: [],
    ...times,
    attributes: {},
    ...changed,
  };
}

async function counts(): Promise<Record<string, number>> {
  const { values } = await metrics.traceSpans.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels.outcome), value]));
}

describe('spans', () => {
  test('are exported in batches, with service, place in the trace, time, attributes, links and error', async () => {
    const tracing = await tracingWith({ headers: 'authorization=Bearer%20abc, x-tenant=one' });
    const root = aSpan(tracing);
    const traceparent = inSpan(root.traceparent, newSpanId()) ?? '';
    const attributes = { 'messaging.kafka.offset': 7 };
    const child = aSpan(tracing, {
      ...{ role: 'sink', name: 'b', kind: 'consumer', traceparent, parent: root.traceparent, attributes },
      ...{ links: [root.traceparent], error: 'too-large' },
    });
    tracing.report(root);
    tracing.report(child);
    await tracing.stop();
    const [, traceId, spanId] = root.traceparent.split('-');
    expect(receiver.spans).toEqual([
      expect.objectContaining({
        ...{ service: 'queuefold-fold', name: 'a', kind: 3, traceId, spanId, parentSpanId: '', failed: false },
        ...{ startedAt: 1_767_600_000_123_000_000n, endedAt: 1_767_600_000_456_000_000n, attributes: {}, links: [] },
      }),
      expect.objectContaining({
        ...{ service: 'queuefold-sink', name: 'b', kind: 5, traceId, parentSpanId: spanId, failed: true },
        ...{ attributes: { ...attributes, 'error.type': 'too-large' }, links: [{ traceId, spanId }] },
      }),
    ]);
    expect(receiver.requests).toEqual([
      expect.objectContaining({
        path: '/v1/traces',
        headers: expect.objectContaining({ authorization: 'Bearer abc', 'x-tenant': 'one' }),
      }),
    ]);
    expect(await counts()).toEqual({ exported: 2 });
  });

  test('of more links than a collector takes have the first of them', async () => {
    const tracing = await tracingWith();
    tracing.report(aSpan(tracing, { links: Array.from({ length: 200 }, () => tracing.begin()) }));
    await tracing.stop();
    expect(receiver.spans.map(({ links }) => links.length)).toEqual([128]);
  });

  test('are dropped and counted when more wait than may, and nobody waits for them', async () => {
    const tracing = await tracingWith({ endpoint: 'http://127.0.0.1:1', timeoutMs: 500 });
    for (let i = 0; i < 10_000; i++) tracing.report(aSpan(tracing));
    expect((await counts())['dropped']).toBeGreaterThanOrEqual(10_000 - 2_048 - 512);
  });

  test('that the collector does not take are told once, and so is that it takes them again', async () => {
    const { url } = receiver;
    await receiver.close();
    const tracing = await tracingWith({ endpoint: url, timeoutMs: 500 });
    tracing.report(aSpan(tracing));
    await told('queuefold cannot send spans to the collector');
    receiver = await receiveSpans(Number(new URL(url).port));
    tracing.report(aSpan(tracing));
    await told('queuefold sends spans to the collector again');
    expect(lines.map(({ msg }) => msg)).toEqual([
      'queuefold cannot send spans to the collector',
      'queuefold sends spans to the collector again',
    ]);
    expect(await counts()).toEqual({ failed: 1, exported: 1 });
  });
});

async function told(message: string): Promise<void> {
  await until(
    () => lines,
    (all) => all.some(({ msg }) => msg === message),
  );
}

describe('of all traces', () => {
  test.each([
    [0, 0, 0],
    [1, 4_000, 4_000],
    // 100 expected; more than 6 standard deviations away is a fault.
    [0.025, 40, 160],
  ])('a share of %d is sampled', async (ratio, atLeast, atMost) => {
    const tracing = await tracingWith({ ratio });
    const sampled = Array.from({ length: 4_000 }, tracing.begin).filter(isSampled).length;
    expect(sampled).toBeGreaterThanOrEqual(atLeast);
    expect(sampled).toBeLessThanOrEqual(atMost);
  });
});

test.each(['authorization', 'a b=c', 'x=%zz'])(
  'headers such as %j are refused without being shown',
  async (headers) => {
    const refusal = tracingWith({ headers });
    await expect(refusal).rejects.toThrow(/^OTEL_EXPORTER_OTLP_HEADERS: not allowed; allowed: name=value/);
    await expect(refusal).rejects.not.toThrow(headers);
  },
);

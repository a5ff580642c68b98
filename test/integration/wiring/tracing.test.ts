import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { startBridgeRole } from '../../../src/bridge';
import { loadConfig } from '../../../src/config';
import { startFoldRole } from '../../../src/fold';
import { createLocalSchemas, createMemoryLog, topicNames } from '../../../src/log';
import { createMetrics, startTracing } from '../../../src/ops';
import { startSinkRole } from '../../../src/sink';
import { until } from '../../support/clickhouse/sink';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { QUIET } from '../../support/clickhouse/store-rows';
import { receiveSpans, type ReceivedSpan } from '../../support/monitoring/span-receiver';

const topics = topicNames('traced');
const disposers: (() => Promise<unknown>)[] = [];
let target: TestStore;

beforeAll(async () => {
  target = await storeForTests();
});
afterAll(() => target.close());
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
  await target.clear();
});

/** A caller waits, an agent is alerted, and answers: three notifications. */
const NOTIFICATIONS = readFileSync(join(__dirname, '../../fixtures/cases/04-answered.input.ndjson'), 'utf8')
  .split('\n')
  .filter((line) => line !== '');

const lines = () => Readable.from(NOTIFICATIONS.map((line) => ({ line: Buffer.from(line), origin: 'test' })));

/** All roles in this process, until the notifications are in the table. */
async function bringIntoTheTable(endpoint: string): Promise<void> {
  const config = loadConfig({ env: { SINK_FLUSH_MS: '50' } });
  const metrics = createMetrics();
  const log = createMemoryLog({ partitions: 1, logger: QUIET, metrics });
  const options = {
    endpoint,
    headers: undefined,
    ratio: 1,
    version: '1.2.3',
    timeoutMs: 30_000,
    metrics,
    logger: QUIET,
  };
  const tracing = (await startTracing(options)) ?? undefined;
  const parts = { config, logger: QUIET, metrics, log, schemas: createLocalSchemas(), topics, tracing };
  const fold = await startFoldRole(parts);
  const sink = await startSinkRole({ ...parts, store: target.store });
  // What was in the topic before it began is none of its traces.
  await until(
    () => sink.ready['partitions']?.(),
    (check) => check?.ok === true,
  );
  const bridge = await startBridgeRole({ ...parts, genesys: null, lines: lines() });
  disposers.push(async () => {
    await Promise.all([bridge.stop(), fold.stop(), sink.stop()]);
    await tracing?.stop();
    await log.close();
  });
  await until(
    () => target.rows(`SELECT state FROM ${target.store.database}.queue_conversation WHERE purpose = 'agent'`),
    ([row]) => row?.['state'] === 'connected',
  );
}

describe('tracing', () => {
  test('a notification is one trace from its reception to the table, and batches link the traces in them', async () => {
    const receiver = await receiveSpans();
    disposers.push(() => receiver.close());
    await bringIntoTheTable(receiver.url);
    const { spans } = receiver;
    // Each of the three changes the row and the visit. Spans come when they have ended, those of batches after those in them.
    const named = (name: string) => spans.filter((span) => span.name === name);
    const inBatches = [topics.events, topics.state, topics.visits].map((topic) => `process ${topic}`);
    const isLinked = ({ links }: ReceivedSpan) => spans.some(({ spanId }) => spanId === links[0]?.spanId);
    await until(
      () => [named(`send ${topics.events}`), ...inBatches.map(named)],
      ([sends = [], ...members]) =>
        sends.length === NOTIFICATIONS.length &&
        members.every((each) => each.length === NOTIFICATIONS.length && each.every(isLinked)),
    );
    const sent = spans.filter(({ service }) => service === 'queuefold-bridge');
    expect(sent.map(({ name, kind, parentSpanId }) => ({ name, kind, parentSpanId }))).toEqual(
      NOTIFICATIONS.map(() => ({ name: `send ${topics.events}`, kind: PRODUCER, parentSpanId: '' })),
    );
    for (const [offset, first] of sent.entries()) {
      const [folded, ...others] = childrenOf(first, spans);
      expect(others).toEqual([]);
      expect(folded).toMatchObject({
        ...{ service: 'queuefold-fold', name: `process ${topics.events}`, kind: CONSUMER, traceId: first.traceId },
        attributes: {
          ...{ 'messaging.system': 'kafka', 'messaging.operation.type': 'process', 'messaging.kafka.offset': offset },
          'queuefold.outcome': 'folded',
        },
      });
      const stored = childrenOf(folded, spans).toSorted((a, b) => (a.name < b.name ? 1 : -1));
      expect(stored).toEqual(
        [topics.visits, topics.state].map((topic): unknown =>
          expect.objectContaining({ service: 'queuefold-sink', name: `process ${topic}`, traceId: first.traceId }),
        ),
      );
      for (const [member, batch] of [
        [folded, `commit ${topics.events}`],
        [stored[0], 'INSERT queue_visit_state'],
        [stored[1], 'INSERT queue_conversation_history'],
      ] as const) {
        const linked = spans.find(({ spanId }) => spanId === member?.links[0]?.spanId);
        expect(linked).toMatchObject({ name: batch, kind: CLIENT });
        expect(linked?.links).toContainEqual({ traceId: first.traceId, spanId: member?.spanId });
      }
    }
  });

  test('nothing personal, and no id of a conversation, is in any span', async () => {
    const receiver = await receiveSpans();
    disposers.push(() => receiver.close());
    await bringIntoTheTable(receiver.url);
    await until(
      () => receiver.spans,
      (all) => all.some(({ name }) => name.startsWith('INSERT')),
    );
    const exported = receiver.requests.map(({ body }) => body).join();
    expect(NOTIFICATIONS.join()).toContain('tel:+44');
    // Ids of spans are hexadecimal and may begin with c1: whole values are looked for.
    for (const text of ['c1', 'Q1']) expect(exported).not.toContain(`"${text}"`);
    for (const text of ['+44', '"k-']) expect(exported).not.toContain(text);
  });

  test('a collector that is down stops and slows nothing: the table is the same as without it', async () => {
    await bringIntoTheTable('http://127.0.0.1:1');
    expect(await target.rows(`SELECT count() AS rows FROM ${target.store.database}.queue_conversation`)).toEqual([
      { rows: '1' },
    ]);
  });
});

const CLIENT = 3;
const PRODUCER = 4;
const CONSUMER = 5;

function childrenOf(parent: ReceivedSpan | undefined, spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] {
  return spans.filter(({ parentSpanId }) => parentSpanId === parent?.spanId);
}

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { followLiveRows } from '../../../src/bridge/live-rows';
import { startBridgeRole } from '../../../src/bridge/role';
import { loadConfig } from '../../../src/config';
import { printableRow, STATE_COLUMNS } from '../../../src/conversation';
import { startFoldRole } from '../../../src/fold';
import { createLocalSchemas, createMemoryLog, createRowReader, topicNames } from '../../../src/log';
import { createMetrics, startOpsHttp } from '../../../src/ops';
import { generateEvents, type Truth } from '../../../src/simulator';
import { aConversation } from '../../support/conversation/conversation-builders';

type Row = Readonly<Record<string, unknown>>;

const SECRET = 'the secret of this test';
const DAY_MS = 86_400_000;
const START = Date.parse('2026-03-02T09:00:00Z');
const disposers: (() => Promise<unknown>)[] = [];
let envelopes: readonly { readonly at: number; readonly text: string }[];
let truth: Truth;

/** Some conversations are still in their queues at the end. */
beforeAll(() => {
  const stream = generateEvents({
    seed: 5,
    conversations: 150,
    conversationsPerSecond: 1,
    startAt: START,
    heartbeatMs: 0,
  });
  const taken: { at: number; text: string }[] = [];
  for (const { at, frame } of stream) {
    taken.push({ at, text: envelope(at, frame.eventBody) });
    if (taken.length === 1_200) break;
  }
  envelopes = taken;
  truth = stream.truth();
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

function envelope(at: number, eventBody: unknown): string {
  const timestamp = new Date(at).toISOString();
  const topicName = 'v2.routing.queues.Q1.conversations';
  const detail = { topicName, version: '2', eventBody, metadata: { CorrelationId: 'x' }, timestamp };
  return JSON.stringify({ version: '0', id: 'aws-id', source: 'aws.partner/genesys.com', time: timestamp, detail });
}

/** The bridge without Genesys and the fold, in this process, and who posts to it. */
async function start(settings: Record<string, string>) {
  const config = loadConfig({ env: { EVENTS_SECRET: SECRET, ...settings } });
  const metrics = createMetrics();
  const logger = pino({ level: 'silent' });
  const topics = topicNames(config.topics.prefix);
  const log = createMemoryLog({ partitions: 2, logger, metrics });
  const schemas = createLocalSchemas();
  const parts = { config, logger, metrics, log, schemas, topics };
  const fold = await startFoldRole(parts);
  const bridge = await startBridgeRole({ ...parts, genesys: null, eventsLimits: { perSecond: 100_000 } });
  const { registry } = metrics;
  const routes = bridge.routes ?? {};
  const http = await startOpsHttp({ host: '127.0.0.1', port: 0, registry, ready: bridge.ready, routes, logger });
  const live = followLiveRows({
    log,
    topic: topics.state,
    reader: createRowReader(schemas),
    metrics,
    logger,
  });
  disposers.push(async () => {
    await bridge.stop();
    await fold.stop();
    await live.stop();
    await http.stop();
    await log.close();
  });
  const post = async (texts: readonly string[]): Promise<void> => {
    const headers = { authorization: `Bearer ${SECRET}` };
    for (let from = 0; from < texts.length; from += 100) {
      const piece = texts.slice(from, from + 100);
      const body = `[${piece.join()}]`;
      const answer = await fetch(`${http.url}/events`, { method: 'POST', body, headers });
      expect(await answer.json()).toEqual({ events: piece.length, skipped: 0, invalid: 0 });
      sent += piece.length;
    }
  };
  let sent = 0;
  const folded = async (): Promise<void> => {
    for (;;) {
      const text = await registry.getSingleMetricAsString('queuefold_fold_events_total');
      const counts = [...text.matchAll(/\} (\d+)$/gm)].map(([, count]) => Number(count));
      if (counts.reduce((a, b) => a + b, 0) >= sent) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const table = async (): Promise<readonly Row[]> => {
    await folded();
    const columns = STATE_COLUMNS.filter((column) => !column.startsWith('db_'));
    return [...live.rows()]
      .map((row) => printableRow(row, columns))
      .sort((a, b) => (String(a['conversation_id']) < String(b['conversation_id']) ? -1 : 1));
  };
  return { post, table, http };
}

/** Any order, the same in every run. */
function shuffled<T>(items: readonly T[]): readonly T[] {
  const place = (index: number): string => createHash('sha256').update(String(index)).digest('hex');
  return items
    .map((item, index) => ({ item, place: place(index) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ item }) => item);
}

/** Of equally far snapshots only their order says which is newer: what these columns can tell without it. */
const withoutOrder = (rows: readonly Row[]): readonly Row[] =>
  rows.map((row) => ({
    ...row,
    message_status: row['message_status'] === null ? null : 'any',
    state: { parked: 'connected', dialing: 'alerting' }[String(row['state'])] ?? row['state'],
  }));

describe('events from EventBridge, by POST /events of a bridge without Genesys', () => {
  test('in their order give the true table', async () => {
    const { post, table } = await start({});
    await post(envelopes.map(({ text }) => text));
    const rows = await table();
    expect(rows.length).toBeGreaterThan(20);
    expect(rows).toEqual(truth.conversations);
  });

  test('unordered and doubled give the true table, too', async () => {
    const { post, table } = await start({});
    const doubled = [...envelopes, ...envelopes.filter((_, index) => index % 3 === 0)];
    await post(shuffled(doubled.map(({ text }) => text)));
    expect(withoutOrder(await table())).toEqual(withoutOrder(truth.conversations));
  });

  test.each([
    ['is still known to have ended, with an ENDED_RETENTION of four days', '4d', 0],
    ['is taken for a new one with a shorter ENDED_RETENTION', '1h', 1],
  ] as const)('of a conversation that ended days ago: it %s', async (_, retention, rows) => {
    const { post, table } = await start({ ENDED_RETENTION: retention });
    const story = aConversation('c1').called().queued('Q1');
    const waiting = envelope(START, story.body);
    const others = (at: number) =>
      ['a', 'b', 'c', 'd'].map((id) => envelope(at, aConversation(id).called().hungUp(60).body));
    await post([waiting, envelope(START + 60_000, story.hungUp(60).body)]);
    // Meanwhile, the others of its partition; then one of its snapshots that EventBridge has kept all the time.
    await post(others(START + 3 * DAY_MS));
    await post([waiting]);
    expect(await table()).toHaveLength(rows);
  });

  test('need no Genesys for it to be ready', async () => {
    const { http } = await start({});
    const ready = await fetch(`${http.url}/health/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { checks: { kafka: { ok: true } } }]);
  });
});

import { afterEach, expect, jest, test } from '@jest/globals';
import { Picture } from '../../../src/board/picture';
import { followTables, NameTable, type Tables } from '../../../src/board/tables';
import type { QueueVisit } from '../../../src/conversation';
import {
  createLocalSchemas,
  createMemoryCluster,
  createVisitCodec,
  type ReadRequest,
  topicNames,
  visitKey,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { QUIET } from '../../support/clickhouse/store-rows';
import { aVisit } from '../../support/conversation/rows';
import { until } from '../../support/processes/until';

const topics = topicNames('board');
const HOUR_MS = 3_600_000;
const MIDNIGHT = Date.UTC(2026, 2, 2);
const NEXT_MIDNIGHT = MIDNIGHT + 24 * HOUR_MS;
let tables: Tables | null = null;
afterEach(async () => {
  jest.useRealTimers();
  await tables?.stop();
});

const visitAt = (entered_time: number, id: string): QueueVisit => aVisit({ entered_time, conversation_id: id });

/** Visits in memory, each written when it is entered, and the board's picture of them. */
async function aBoard() {
  const cluster = createMemoryCluster({ partitions: 2 });
  const log = cluster.connect();
  const schemas = createLocalSchemas();
  const codec = await createVisitCodec(schemas, topics);
  const producer = await log.createProducer();
  const put = (visit: QueueVisit) =>
    producer.send([
      { topic: topics.visits, key: visitKey(visit), value: codec.encode(visit), timestamp: visit.entered_time },
    ]);
  const keys: string[] = [];
  let today = MIDNIGHT;
  const picture = new Picture({ rule: { targetMs: 20_000, shortAbandonMs: 5_000 }, dayStart: () => today }, MIDNIGHT);
  const read = (request: ReadRequest) =>
    log.read({
      ...request,
      onRecord: (record) => {
        if (record.topic === topics.visits) keys.push(record.key?.toString() ?? '');
        request.onRecord(record);
      },
    });
  return {
    ...{ picture, put, keys },
    offeredToday: () => {
      picture.turn(Date.now());
      return picture.lines(0).reduce((sum, { day }) => sum + day.offered, 0);
    },
    beginNextDay: () => (today = NEXT_MIDNIGHT),
    async start() {
      tables = followTables({
        ...{ log: { ...log, read }, schemas, topics, visits: 'on', picture, names: new NameTable() },
        ...{ metrics: createMetrics(), logger: QUIET },
      });
      await tables.loaded;
    },
  };
}

test('of the visits the board reads those since six hours before midnight, and counts those since midnight', async () => {
  const { put, keys, start, offeredToday } = await aBoard();
  await put(visitAt(MIDNIGHT - 30 * HOUR_MS, 'long-ago'));
  await put(visitAt(MIDNIGHT - 7 * HOUR_MS, 'yesterday'));
  await put(visitAt(MIDNIGHT - 5 * HOUR_MS, 'late'));
  await put(visitAt(MIDNIGHT + HOUR_MS, 'today'));
  await start();
  expect(keys).not.toContain('long-ago/p1');
  expect(keys).not.toContain('yesterday/p1');
  expect(keys).toContain('today/p1');
  expect(offeredToday()).toBe(1);
});

test('a visit that has changed counts once, and one of yesterday is forgotten at midnight', async () => {
  const { put, start, offeredToday, picture, beginNextDay } = await aBoard();
  const first = visitAt(MIDNIGHT + HOUR_MS, 'a');
  await put(first);
  await start();
  await put({ ...first, outcome: 'answered', left_time: MIDNIGHT + HOUR_MS + 5_000 });
  await put(visitAt(MIDNIGHT + 2 * HOUR_MS, 'b'));
  await until('both are counted', 30_000, () => offeredToday() === 2);
  picture.turn(MIDNIGHT);
  expect(picture.lines(0).map(({ day }) => [day.answered, day.answeredInTarget])).toEqual([[1, 1]]);
  expect(picture.needsVisit('a/p1')).toBe(true);
  beginNextDay();
  expect(offeredToday()).toBe(0);
  expect(picture.needsVisit('a/p1')).toBe(false);
});

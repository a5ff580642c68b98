import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startBoardRole, type RunningBoardRole } from '../../../src/board';
import { nameKey } from '../../../src/common';
import { loadConfig } from '../../../src/config';
import {
  createLocalSchemas,
  createMemoryCluster,
  createNameCodec,
  createRowCodec,
  topicNames,
  type LogProducer,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { eventsOf } from '../../support/board/board';
import { QUIET } from '../../support/clickhouse/store-rows';
import { aRow } from '../../support/conversation/rows';
import { until } from '../../support/processes/until';

/** The role as its process runs it, on topics in memory. */
const topics = topicNames('board-role');
let board: RunningBoardRole;
let metrics: ReturnType<typeof createMetrics>;
let producer: LogProducer;
let schemas: ReturnType<typeof createLocalSchemas>;
beforeEach(async () => {
  const cluster = createMemoryCluster({ partitions: 2 });
  const log = cluster.connect();
  schemas = createLocalSchemas();
  metrics = createMetrics();
  producer = await log.createProducer();
  const rows = await createRowCodec(schemas, topics);
  const row = aRow({ conversation_id: 'a', queue_id: 'q1', user_id: 'u1' });
  await producer.send([{ topic: topics.state, key: 'a', value: rows.encode(row) }]);
  const config = loadConfig({ env: {} });
  board = await startBoardRole(
    { config, log, schemas, topics, metrics, logger: QUIET },
    {
      ...{ host: '127.0.0.1', port: 0, store: null, rule: { targetMs: 20_000, shortAbandonMs: 5_000 } },
      ...{ timeZone: 'UTC', proxyHeader: undefined, version: '0.0.0' },
    },
  );
});
afterEach(() => board.stop());

const ask = async <T>(path: string): Promise<T> => (await (await fetch(`${board.url}${path}`)).json()) as T;

test('metrics say how many look, what they were sent, how old the picture is, and what could not be read', async () => {
  const value = async (name: string): Promise<number> => {
    const line = (await metrics.registry.metrics())
      .split('\n')
      .find((each) => each.startsWith(`queuefold_board_${name}`));
    return Number(line?.split(' ').at(-1));
  };
  await until('a picture', 30_000, async () => (await ask<{ lines: unknown[] }>('/api/queues')).lines.length === 1);
  expect(await value('viewers')).toBe(0);
  await eventsOf(`${board.url}/api/live`, (names) => names.includes('beat'));
  expect(await value('sent_bytes_total')).toBeGreaterThan(200);
  const stopping = new AbortController();
  await fetch(`${board.url}/api/live`, { signal: stopping.signal });
  await until('a viewer', 30_000, async () => (await value('viewers')) === 1);
  stopping.abort();
  await until('no viewer', 30_000, async () => (await value('viewers')) === 0);
  await until('a picture that is current', 30_000, async () => (await value('picture_age_seconds')) < 60);
  await producer.send([{ topic: topics.state, key: 'b', value: Buffer.from('no Avro') }]);
  await until('the record', 30_000, async () => (await value('unreadable')) === 1);
});

describe('without ClickHouse and without names', () => {
  test('it is live only, and says so', async () => {
    expect(await ask('/api/about')).toMatchObject({ history: false, oldest: null });
    for (const path of ['/api/queues?at=1', '/api/conversations?queue=q1&at=1', '/api/conversations/a']) {
      const response = await fetch(`${board.url}${path}`);
      expect([path, response.status, await response.text()]).toEqual([
        path,
        404,
        expect.stringContaining('ClickHouse'),
      ]);
    }
  });

  test('an agent is an id; with a name in the topic of names, that name', async () => {
    const agent = async () => {
      const { conversations } = await ask<{ conversations: { userId: string; userName: string | null }[] }>(
        '/api/conversations?queue=q1',
      );
      return conversations.map(({ userId, userName }) => `${userId} ${String(userName)}`).join();
    };
    await until('the row', 30_000, async () => (await agent()) === 'u1 null');
    const names = await createNameCodec(schemas, topics);
    const name = { kind: 'user', id: 'u1', name: 'Ada Brandt', goneSince: null };
    await producer.send([{ topic: topics.names, key: nameKey(name), value: names.encode(name) }]);
    await until('the name', 30_000, async () => (await agent()) === 'u1 Ada Brandt');
  });
});

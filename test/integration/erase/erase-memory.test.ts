import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { loadConfig, type Config } from '../../../src/config';
import { DEFAULT_INPUT_LIMITS } from '../../../src/conversation';
import { erase, findErasable } from '../../../src/erase';
import { startFoldRole } from '../../../src/fold';
import { createIngest } from '../../../src/ingest';
import {
  createEventCodec,
  createLocalSchemas,
  createMemoryCluster,
  type Log,
  type LogRecord,
  type MemoryCluster,
  topicNames,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { startSinkRole } from '../../../src/sink';
import { countErasable } from '../../../src/store';
import { limitsOf, maskOf, type RunningRole } from '../../../src/wiring';
import { until } from '../../support/clickhouse/sink';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { QUIET } from '../../support/clickhouse/store-rows';
import { aConversation } from '../../support/conversation/conversation-builders';
import { readAll } from '../../support/log/read-all';

const topics = topicNames('erase');
const schemas = createLocalSchemas();
const PERSON = '441234567';
const never = new AbortController().signal;
let tests: TestStore;
let cluster: MemoryCluster;
let log: Log;
let roles: RunningRole[] = [];

beforeAll(async () => {
  tests = await storeForTests();
});
beforeEach(async () => {
  await tests.clear();
  cluster = createMemoryCluster({ partitions: 2 });
  log = cluster.connect();
});
afterEach(async () => {
  for (const role of roles) await role.stop();
  roles = [];
});
afterAll(() => tests.close());

const configOf = (env: Record<string, string> = {}): Config => loadConfig({ env: { SINK_FLUSH_MS: '20', ...env } });
const MASKED = configOf({ PRIVACY_MASK: 'ani', PRIVACY_KEY: 'the key of this test, of 32 bytes' });

async function start(...names: readonly ('fold' | 'sink')[]): Promise<void> {
  await startWith(configOf(), ...names);
}

async function startWith(config: Config, ...names: readonly ('fold' | 'sink')[]): Promise<void> {
  const parts = { config, logger: QUIET, metrics: createMetrics(), log, schemas, topics };
  for (const name of names) {
    roles.push(
      name === 'fold'
        ? await startFoldRole(parts)
        : await startSinkRole({ ...parts, store: tests.store }, { names: 'left-out' }),
    );
  }
}

async function send(config: Config, ...lines: readonly string[]): Promise<void> {
  const events = await createEventCodec(schemas, topics);
  const settings = { limits: limitsOf(config), input: DEFAULT_INPUT_LIMITS, mask: maskOf(config) };
  const ingest = createIngest({ stage: 'bridge', topics, events, ...settings });
  const producer = await log.createProducer();
  const records = lines.map((line) => {
    const ingested = ingest.line(Buffer.from(line), 0, 'test');
    if (ingested?.kind !== 'event') throw new Error('no event');
    return ingested.record;
  });
  await producer.send(records);
  await producer.close();
}

const calling = (id: string, number: string) =>
  aConversation(id)
    .called()
    .with('caller', {}, { self: { addressNormalized: number }, other: { addressNormalized: 'tel:+44800' } })
    .queued()
    .with('queue Q1', {}, { other: { addressNormalized: number }, self: { addressNormalized: 'tel:+44800' } });

const ids = async (table = 'queue_conversation'): Promise<string[]> =>
  (await tests.rows(`SELECT DISTINCT conversation_id AS id FROM \`${tests.store.database}\`.${table} ORDER BY id`)).map(
    ({ id }) => String(id),
  );
const HISTORY = 'queue_conversation_history';
const inTable = (...wanted: readonly string[]) => until(ids, (found) => wanted.every((id) => found.includes(id)));

async function lastOf(topic: string): Promise<ReadonlyMap<string, LogRecord>> {
  return new Map((await readAll(log, topic)).map((record) => [String(record.key), record]));
}

/** The keys that compaction leaves. */
async function visitsInTopic(): Promise<readonly string[]> {
  return [...(await lastOf(topics.visits))].flatMap(([key, { value }]) => (value === null ? [] : [key])).sort();
}

const parts = (config = configOf()) => ({ config, log, schemas, topics, store: tests.store });
const look = (address: string, config?: Config) => findErasable(parts(config), { address }, () => undefined);

describe('erasing, on the log in memory', () => {
  test('an address is found however it is written, live and ended, and nothing is changed by looking', async () => {
    await start('fold', 'sink');
    const [a, b, c] = [calling('a', `tel:+${PERSON}`), calling('b', `sip:+${PERSON}@host`), calling('c', 'tel:+1')];
    await send(configOf(), a.at(1), b.at(1), c.at(1), b.hungUp(2).at(3));
    await inTable('a', 'c');
    await until(
      () => ids(HISTORY),
      (found) => found.length === 3,
    );
    const found = await look(`+${PERSON.slice(0, 2)} ${PERSON.slice(2)}`);
    expect(found.conversations.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(found.conversations[0]?.in).toEqual([
      topics.events,
      topics.state,
      topics.changelog,
      topics.visits,
      'ClickHouse',
    ]);
    expect(found.rows?.[HISTORY]).toBeGreaterThanOrEqual(2);
    expect((await look('+4412345')).conversations).toEqual([]);
    expect(await ids(HISTORY)).toEqual(['a', 'b', 'c']);
  });

  test('an address that no row ever showed is found in the events', async () => {
    const transferred = calling('a', 'tel:+1').with('caller', {}, { other: { addressNormalized: `tel:+${PERSON}` } });
    await send(configOf(), transferred.with('queue Q1', {}, { self: { addressNormalized: 'tel:+7' } }).at(1));
    expect((await look('+7')).conversations).toEqual([{ id: 'a', in: [topics.events] }]);
  });

  test('what is erased is gone from the tables, the fold’s state and the topic’s last word, and stays so', async () => {
    await start('fold', 'sink');
    const [a, b] = [calling('a', `tel:+${PERSON}`), calling('b', 'tel:+1')];
    await send(configOf(), a.at(1), b.at(1));
    await inTable('a', 'b');
    expect(await erase(parts(), ['a'], { signal: never })).toEqual({
      ...{ erased: ['a'], pending: [], visits: 0, remaining: {} },
    });
    expect(await visitsInTopic()).toEqual(['b/queue Q1']);
    await until(
      () => countErasable(tests.store, ['a']),
      (rows) => Object.keys(rows).length === 0,
    );
    expect((await lastOf(topics.state)).get('a')?.value).toBeNull();
    const state = (await lastOf(topics.changelog)).get('a')?.value?.toString('latin1');
    expect(state).toBeDefined();
    expect(state).not.toContain(PERSON);
    expect(state).not.toContain('caller');

    await send(configOf(), a.answeredBy('ann', 4).at(5), calling('c', 'tel:+2').at(5));
    await inTable('c');
    for (const role of roles.reverse()) await role.stop();
    roles = [];
    await send(configOf(), a.answeredBy('bob', 6).at(7), calling('d', 'tel:+2').at(7));
    await start('fold', 'sink');
    await inTable('d');
    expect(await ids()).toEqual(['b', 'c', 'd']);
    expect(await visitsInTopic()).toEqual(['b/queue Q1', 'c/queue Q1', 'd/queue Q1']);
    expect(await ids(HISTORY)).toEqual(['b', 'c', 'd']);
  });

  test('with PRIVACY_MASK the address is masked before it is looked for, and what came before the mask is found, too', async () => {
    await start('fold', 'sink');
    await send(configOf(), calling('before', `tel:+${PERSON}`).at(1));
    await send(MASKED, calling('masked', `sip:+${PERSON}@host`).at(1), calling('other', 'tel:+1').at(1));
    await inTable('before', 'masked', 'other');
    expect((await look(`+${PERSON}`, MASKED)).conversations.map(({ id }) => id)).toEqual(['before', 'masked']);
    expect((await look(`+${PERSON}`)).conversations.map(({ id }) => id)).toEqual(['before']);
  });

  test('a sink that was down deletes what it stored, when it reads the tombstone', async () => {
    await start('fold', 'sink');
    await send(configOf(), calling('a', `tel:+${PERSON}`).at(1), calling('b', 'tel:+1').at(1));
    await inTable('a', 'b');
    await roles.pop()?.stop();
    expect(await erase({ ...parts(), store: null }, ['a'], { signal: never })).toMatchObject({
      erased: ['a'],
      remaining: null,
    });
    expect(await ids(HISTORY)).toEqual(['a', 'b']);
    await start('sink');
    await until(
      () => ids(HISTORY),
      (found) => !found.includes('a'),
    );
    expect(await ids()).toEqual(['b']);
  });

  test('a row that a sink writes late, after the tables were swept, is swept, too', async () => {
    await start('fold', 'sink');
    await send(configOf(), calling('a', `tel:+${PERSON}`).at(1));
    await inTable('a');
    await until(
      () => ids(HISTORY),
      (found) => found.includes('a'),
    );
    await roles.pop()?.stop();
    const { client, database } = tests.store;
    await client.command({ query: `CREATE TABLE \`${database}\`.late AS \`${database}\`.${HISTORY}` });
    await client.command({ query: `INSERT INTO \`${database}\`.late SELECT * FROM \`${database}\`.${HISTORY}` });
    let late = 0;
    const lateClient = Object.create(client, {
      command: {
        value: async (params: { query: string }): Promise<unknown> => {
          const done = await client.command(params);
          if (params.query.startsWith('DELETE') && params.query.includes(HISTORY) && late++ === 0) {
            await client.command({
              query: `INSERT INTO \`${database}\`.${HISTORY} SELECT * FROM \`${database}\`.late SETTINGS insert_deduplicate = 0`,
            });
          }
          return done;
        },
      },
    }) as typeof client;
    const result = await erase({ ...parts(), store: { ...tests.store, client: lateClient } }, ['a'], { signal: never });
    expect(result.remaining).toEqual({});
    expect(late).toBe(2);
    expect(await ids(HISTORY)).toEqual([]);
  });

  test('without a fold it is pending, and done when one runs', async () => {
    await send(configOf(), calling('a', `tel:+${PERSON}`).at(1));
    expect(await erase(parts(), ['a'], { signal: never, ms: 100 })).toEqual({
      erased: [],
      pending: ['a'],
      visits: 0,
      remaining: {},
    });
    await start('fold', 'sink');
    await send(configOf(), calling('b', 'tel:+1').at(1), calling('c', 'tel:+1').at(1));
    await inTable('b', 'c');
    await until(
      () => ids(HISTORY),
      (found) => !found.includes('a'),
    );
    expect(await ids()).toEqual(['b', 'c']);
  });

  test('the visits of a conversation that has ended are found in their topic, and erased', async () => {
    await start('fold', 'sink');
    const [a, b] = [calling('a/1', `tel:+${PERSON}`), calling('b', 'tel:+1')];
    await send(configOf(), a.at(1), a.hungUp(2).at(3), b.at(1), b.hungUp(2).at(3));
    await until(
      () => ids(HISTORY),
      (found) => found.length === 2,
    );
    await until(visitsInTopic, (found) => found.length === 2);
    const [found] = (await look(`+${PERSON}`)).conversations;
    expect(found?.id).toBe('a/1');
    expect(found?.in).toContain(topics.visits);
    expect(await visitsInTopic()).toEqual(['a%2F1/queue Q1', 'b/queue Q1']);
    expect(await erase(parts(), ['a/1'], { signal: never })).toMatchObject({ erased: ['a/1'], visits: 0 });
    expect(await visitsInTopic()).toEqual(['b/queue Q1']);
    const again = await findErasable(parts(), { conversations: ['a/1', 'b'] }, () => undefined);
    expect(again.conversations.map((one) => one.in.includes(topics.visits))).toEqual([false, true]);
  });

  test('a second request erases visits that the first could not name and the fold no longer knew', async () => {
    await start('fold', 'sink');
    const a = calling('a', 'tel:+1');
    let requests = 0;
    const createProducer = async () => {
      requests++;
      // The whole conversation between the look at the topic and the request.
      if (requests === 1) await send(configOf(), a.at(1), a.hungUp(2).at(3));
      return log.createProducer();
    };
    const asking = { ...parts(), log: { ...log, createProducer } };
    expect(await erase(asking, ['a'], { signal: never })).toMatchObject({ erased: ['a'], visits: 0 });
    expect(requests).toBe(2);
    expect((await lastOf(topics.visits)).get('a/queue Q1')?.value).toBeNull();
  });

  test('a fold that writes no visits leaves those that there are, and the answer says so', async () => {
    await start('fold', 'sink');
    const a = calling('a', 'tel:+1');
    await send(configOf(), a.at(1));
    await inTable('a');
    for (const role of roles.reverse()) await role.stop();
    roles = [];
    await startWith(configOf({ VISITS: 'off' }), 'fold', 'sink');
    const answer = await erase(parts(), ['a'], { signal: never });
    expect(answer).toMatchObject({ erased: ['a'], visits: 1 });
    expect(await visitsInTopic()).toEqual(['a/queue Q1']);
    // Run again with a fold that writes them.
    for (const role of roles.reverse()) await role.stop();
    roles = [];
    await start('fold', 'sink');
    expect(await erase(parts(), ['a'], { signal: never })).toMatchObject({ erased: ['a'], visits: 0 });
    expect(await visitsInTopic()).toEqual([]);
  });

  test('a conversation that nobody knows can be erased beforehand', async () => {
    await start('fold', 'sink');
    expect(await erase(parts(), ['a'], { signal: never })).toMatchObject({ erased: ['a'] });
    await send(configOf(), calling('a', 'tel:+1').at(1), calling('b', 'tel:+1').at(1), calling('c', 'tel:+1').at(1));
    await inTable('b', 'c');
    expect(await ids()).toEqual(['b', 'c']);
  });
});

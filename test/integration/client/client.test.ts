import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import {
  type Change,
  openQueueTable,
  openVisits,
  type QueueConversation as TableRow,
  type RecordProblem,
} from '../../../src/client';
import type { QueueConversation, QueueVisit } from '../../../src/conversation';
import { aRow, aVisit, NOON } from '../../support/conversation/rows';
import { writtenTables, type WrittenTables } from '../../support/log/written-tables';
import { until } from '../../support/processes/until';

/** The public interface of the client on a real Kafka. The soak tries what brokers can do to it (test/system/soak/client.test.ts). */

const LIMIT_MS = 120_000;
let written: WrittenTables;
const atEnd: (() => Promise<unknown>)[] = [];
const afterTest: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  written = await writtenTables('client-api');
  atEnd.push(() => written.close());
});
afterEach(async () => {
  for (const close of afterTest.splice(0)) await close();
});
afterAll(async () => {
  for (const close of atEnd.splice(0).reverse()) await close();
});

const put = (differences: Partial<QueueConversation>): Promise<void> => written.put(aRow(differences));
const remove = (id: string): Promise<void> => written.send(written.topics.state, id, null);
/** Where the client finds the tables. */
const place = () => ({ brokers: written.brokers, registry: written.registry, prefix: written.topics.prefix });

async function open(onProblem?: (problem: RecordProblem) => void) {
  const table = await openQueueTable({
    ...place(),
    ...(onProblem === undefined ? {} : { onProblem }),
  });
  afterTest.push(() => table.close());
  return table;
}

test('the table has what is committed, with times as dates, and follows; it has no group', async () => {
  await put({ conversation_id: 'a' });
  await put({ conversation_id: 'gone' });
  await remove('gone');
  const { admin, topics } = written;
  const writer = admin.kafka.producer({ transactionalId: 'client-api', maxInFlightRequests: 1, idempotent: true });
  await writer.connect();
  atEnd.push(() => writer.disconnect());
  const aborted = await writer.transaction();
  const value = written.encode(aRow({ conversation_id: 'aborted' }));
  await aborted.send({ topic: topics.state, messages: [{ key: 'aborted', value }] });
  await aborted.abort();
  await put({ conversation_id: 'b', state: 'alerting', purpose: 'agent' });

  const table = await open();
  expect(table.size).toBe(2);
  expect([...table.rows()].map(({ conversation_id }) => conversation_id).sort()).toEqual(['a', 'b']);
  expect(table.get('a')).toMatchObject({ queue_id: 'q1', queue_connected_time: new Date(NOON - 500), waiting: true });
  expect(table.get('gone')).toBeUndefined();
  await until('a picture that is fresh', LIMIT_MS, () => Number.isFinite(table.freshness().ageMs));
  expect(table.freshness()).toMatchObject({ isReading: true, problem: null, skippedRecords: 0 });

  await put({ conversation_id: 'c' });
  await remove('a');
  await until('both changes', LIMIT_MS, () => table.get('c') !== undefined && table.get('a') === undefined);
  const { groups } = await admin.admin.listGroups();
  expect(groups.filter(({ groupId }) => groupId.includes('client'))).toEqual([]);

  await table.close();
  expect(table.freshness()).toMatchObject({ isReading: false, problem: 'the table is closed' });
});

const nameOf = (change: Change<TableRow>): string =>
  change.type === 'reset' ? 'reset' : `${change.type} ${change.id}`;

test('changes are the table first, then each newest version: who is slow gets no old one', async () => {
  const table = await open();
  const known = [...table.rows()].map(({ conversation_id }) => conversation_id).sort();
  const changes = table.changes()[Symbol.asyncIterator]();
  const next = async (): Promise<Change<TableRow>> => {
    const { done, value } = (await changes.next()) as IteratorResult<Change<TableRow>, undefined>;
    if (done === true) throw new Error('the changes have ended');
    return value;
  };
  const first: Change<TableRow>[] = [];
  while (first.length < known.length) first.push(await next());
  expect(first.map(nameOf).sort()).toEqual(known.map((id) => `upsert ${id}`));

  for (let version = 1; version <= 300; version += 1)
    await put({ conversation_id: 'often', db_last_updated: NOON + version });
  await put({ conversation_id: 'came and went' });
  await remove('came and went');
  await put({ conversation_id: 'last' });
  await until('all of it', LIMIT_MS, () => table.get('last') !== undefined && table.get('often') !== undefined);
  await until('the last version', LIMIT_MS, () => table.get('often')?.db_last_updated.getTime() === NOON + 300);
  await until('what went', LIMIT_MS, () => table.get('came and went') === undefined);
  // Two partitions: their order is open.
  const told = [await next(), await next()];
  expect(told.map(nameOf).sort()).toEqual(['upsert last', 'upsert often']);
  expect(told.find((change) => nameOf(change) === 'upsert often')).toMatchObject({
    row: { db_last_updated: new Date(NOON + 300) },
  });
  await remove('often');
  expect(await next()).toMatchObject({ type: 'delete', id: 'often', last: { queue_id: 'q1' } });
  const waiting = changes.next();
  await table.close();
  expect(await waiting).toEqual({ done: true, value: undefined });
});

test('a record that is no row is counted, told and skipped', async () => {
  const problems: RecordProblem[] = [];
  const table = await open((problem) => void problems.push(problem));
  await put({ conversation_id: 'kept' });
  const { topics, send } = written;
  await send(topics.state, 'kept', Buffer.from('no Avro'));
  await put({ conversation_id: 'after' });
  await until('the record', LIMIT_MS, () => problems.length > 0 && table.get('after') !== undefined);
  expect(problems).toEqual([expect.objectContaining({ topic: topics.state, reason: 'not-avro' })]);
  expect(table.freshness()).toMatchObject({ isReading: true, skippedRecords: 1 });
  expect(table.get('kept')).toBeDefined();
});

test('of a topic that was recreated it says reset, and has the new rows only', async () => {
  const table = await open();
  const types: string[] = [];
  const told = new Set<string>();
  void (async () => {
    for await (const change of table.changes()) {
      if (change.type === 'upsert') told.add(change.id);
      else if (change.type === 'delete') told.delete(change.id);
      else told.clear();
      types.push(change.type);
    }
  })();
  await put({ conversation_id: 'old' });
  await until('the old topic', LIMIT_MS, () => told.has('old'));
  const { admin, topics } = written;
  await admin.deleteTopic(topics.state);
  await admin.createTopic(topics.state, 2, { 'cleanup.policy': 'compact' });
  await put({ conversation_id: 'new' });
  await until('the new topic', LIMIT_MS, () => types.includes('reset') && told.has('new') && !told.has('old'));
  expect([...table.rows()].map(({ conversation_id }) => conversation_id)).toEqual(['new']);
  expect([...told]).toEqual(['new']);
  expect(types.filter((type) => type === 'reset')).toHaveLength(1);
});

test('visits are those since an instant, by conversation and participant', async () => {
  const visit = (participant_id: string, entered_time: number): QueueVisit =>
    aVisit({ ...{ conversation_id: 'c', participant_id, entered_time, left_time: null }, outcome: 'waiting' });
  const { putVisit } = written;
  await putVisit(visit('before', NOON - 1));
  await putVisit(visit('at', NOON));
  const table = await openVisits({ ...place(), since: new Date(NOON) });
  afterTest.push(() => table.close());
  expect(table.size).toBe(1);
  expect(table.get('c', 'at')).toMatchObject({ entered_time: new Date(NOON), outcome: 'waiting' });
  await putVisit(visit('late, of before', NOON - 5));
  await putVisit({ ...visit('at', NOON), outcome: 'answered', left_time: NOON + 9, answered_time: NOON + 9 });
  await putVisit(visit('after', NOON + 1));
  await until(
    'both',
    LIMIT_MS,
    () => table.get('c', 'after') !== undefined && table.get('c', 'at')?.left_time !== null,
  );
  expect([...table.rows()].map(({ participant_id }) => participant_id).sort()).toEqual(['after', 'at']);
  expect(table.get('c', 'at')).toMatchObject({ outcome: 'answered', answered_time: new Date(NOON + 9) });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { aConversation, ms } from '../../support/conversation/conversation-builders';
import {
  servicesForProcesses,
  startQueuefold,
  type Environment,
  type QueuefoldProcess,
  type ServicesForProcesses,
} from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';

/** The program as operators run it, on a real broker: conversations are erased, and everything tries to bring them back. */

const PREFIX = `erase-${Date.now().toString(36)}`;
const LIMIT_MS = 120_000;
const NUMBER = '+441234567';
const disposers: (() => Promise<unknown>)[] = [];
let services: ServicesForProcesses;
let env: Environment;

beforeAll(async () => {
  services = await servicesForProcesses();
  disposers.push(services.dispose);
  env = { ...services.env, PARTITIONS: '2', TOPIC_PREFIX: PREFIX, SINK_FLUSH_MS: '50' };
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

function start(args: readonly string[], more: Environment = {}): QueuefoldProcess {
  const started = startQueuefold(args, { ...env, ...more });
  disposers.push(() => started.kill());
  return started;
}

async function run(args: readonly string[], more: Environment = {}): Promise<QueuefoldProcess> {
  const started = start(args, more);
  await started.done();
  return started;
}

/** The stories are of March 2026. Kafka would delete their visits: it keeps them for 7 days from their receive times. */
const LATER_MS = Date.now() - ms(60);
const ofToday = (line: string): string =>
  line.replace(/2026-03-02T[\d:.]+Z/g, (time) => new Date(Date.parse(time) + LATER_MS).toISOString());

let files = 0;
async function send(...lines: readonly string[]): Promise<void> {
  const file = join(services.folder, `${PREFIX}-${files++}.ndjson`);
  await writeFile(file, `${lines.map(ofToday).join('\n')}\n`);
  await run(['bridge', '--events', file]);
}

const calling = (id: string, number: string) =>
  aConversation(id)
    .called()
    .with('caller', {}, { self: { addressNormalized: number } })
    .queued()
    .with('queue Q1', {}, { other: { addressNormalized: number } });

async function ids(table: string, database = services.env.CLICKHOUSE_DATABASE): Promise<readonly string[]> {
  const text = await services.query(
    `SELECT DISTINCT conversation_id FROM ${database}.${table} ORDER BY conversation_id FORMAT TSV`,
  );
  return text.split('\n').filter((id) => id !== '');
}
const inTable = (id: string) =>
  until(`${id} in the table`, LIMIT_MS, async () => (await ids('queue_conversation')).includes(id));
const HISTORY = 'queue_conversation_history';
const VISITS = `${PREFIX}.queue-visit.v1`;

test('what is erased stays erased: by later events, after a restart of fold and sink, and after a rebuild', async () => {
  await run(['setup']);
  let roles = [start(['fold']), start(['sink'])];
  for (const role of roles) await role.ready();
  const [a, b] = [calling('a', `tel:${NUMBER}`), calling('b', `sip:${NUMBER}@host`)];
  await send(a.at(1), b.at(1), calling('c', 'tel:+1').at(1), b.hungUp(2).at(3));
  await inTable('a');
  await inTable('c');
  await until('the history of b', LIMIT_MS, async () => (await ids(HISTORY)).includes('b'));
  // In the table, so also visible in their topic, whose transaction may end a moment after that of the rows.
  await until('the visits of a and b', LIMIT_MS, async () => {
    const visited = await ids('queue_visit_state');
    return visited.includes('a') && visited.includes('b');
  });

  const looked = await run(['erase', '--address', NUMBER]);
  expect(JSON.parse(looked.stdout())).toMatchObject({
    dryRun: true,
    conversations: [
      { id: 'a', in: expect.arrayContaining(['ClickHouse', `${PREFIX}.conversation.events.v1`, VISITS]) },
      { id: 'b', in: expect.arrayContaining(['ClickHouse', VISITS]) },
    ],
  });
  expect(looked.stderr()).toMatch(/Nothing was changed\. With --yes, queuefold would erase 2 conversations/);
  expect(await ids(HISTORY)).toEqual(['a', 'b', 'c']);

  const erased = await run(['erase', '--address', NUMBER, '--yes']);
  expect(JSON.parse(erased.stdout())).toMatchObject({
    dryRun: false,
    erased: ['a', 'b'],
    pending: [],
    visits: 0,
    remaining: {},
  });
  for (const output of [looked, erased]) expect(output.stdout() + output.stderr()).not.toContain(NUMBER.slice(1));
  await until('the history without them', LIMIT_MS, async () => (await ids(HISTORY)).join() === 'c');

  // Genesys goes on to tell of it.
  await send(a.answeredBy('ann', 4).at(5), calling('d', 'tel:+1').at(5), calling('e', 'tel:+1').at(5));
  await inTable('d');
  await inTable('e');
  for (const role of roles) await role.stop();
  roles = [start(['fold']), start(['sink'])];
  for (const role of roles) await role.ready();
  await send(a.answeredBy('bob', 6).at(7), calling('f', 'tel:+1').at(7), calling('g', 'tel:+1').at(7));
  await inTable('f');
  await inTable('g');
  expect(await ids('queue_conversation')).toEqual(['c', 'd', 'e', 'f', 'g']);
  for (const role of roles) await role.stop();

  // Nothing more of visits, neither of the live one nor of the one that the fold had forgotten.
  const again = await run(['erase', '--conversation', 'a', 'b', 'c']);
  const { conversations } = JSON.parse(again.stdout()) as { conversations: { id: string; in: string[] }[] };
  expect(conversations.map((one) => [one.id, one.in.includes(VISITS)])).toEqual([
    ['a', false],
    ['b', false],
    ['c', true],
  ]);

  const another = services.newDatabase();
  const rebuilt = await run(['rebuild'], { CLICKHOUSE_DATABASE: another });
  expect(JSON.parse(rebuilt.stdout())).toMatchObject({ liveRows: 5, differences: 0 });
  for (const database of [services.env.CLICKHOUSE_DATABASE, another]) {
    expect(await ids('queue_conversation', database)).toEqual(['c', 'd', 'e', 'f', 'g']);
    expect(await ids(HISTORY, database)).toEqual(['c', 'd', 'e', 'f', 'g']);
    expect(await ids('queue_conversation_lives', database)).toEqual(['c', 'd', 'e', 'f', 'g']);
  }
});

test.each([
  [[], /give one of the two/],
  [['--conversation', 'a', '--address', '+1'], /give one of the two/],
  [['--address', ' '], /--address: empty/],
])('wrong usage ends with 2 and says what is allowed: %j', async (args, said) => {
  const wrong = start(['erase', ...args]);
  await expect(wrong.done()).rejects.toThrow('ended with 2');
  expect(wrong.stderr()).toMatch(said);
});

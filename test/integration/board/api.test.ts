import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import Ajv2020 from 'ajv/dist/2020';
import { createHistory } from '../../../src/board/clickhouse-history';
import { packageRoot } from '../../../src/common';
import type { QueueConversation } from '../../../src/conversation';
import { boardForTests, eventsOf, type BoardForTests } from '../../support/board/board';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { putVisits, visitRows, writerInto } from '../../support/clickhouse/store-rows';
import { truthLog } from '../../support/conversation/truth-log';
import { storeRows, tableAt } from '../../support/naive/naive-history';

/** The OpenAPI document against what the board really answers, from rows with personal data and from ClickHouse. */
interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, { readonly get: Operation }>>;
}

const CANARY = 'canary-of-personal-data';
const log = truthLog({ seed: 47, conversations: 60, agents: 8, conversationsPerSecond: 1 }, 400);
const { visits, visitRecords, now } = log;
const addressed = (row: QueueConversation): QueueConversation => ({
  ...row,
  ...{ ani: `${CANARY}-ani`, dnis: `${CANARY}-dnis`, subject: `${CANARY}-subject` },
});
const records = log.records.map((record) => ({
  ...record,
  row: record.row === null ? null : addressed(record.row),
}));
const [first] = [...tableAt(records, now).values()];
if (first === undefined) throw new Error('the simulation left no row');

let tests: TestStore;
const boards: BoardForTests[] = [];

async function start(show?: 'addresses'): Promise<BoardForTests> {
  const board = await boardForTests({
    history: createHistory(tests.store),
    names: { of: (kind, id) => (kind === 'queue' ? `Queue of ${id}` : null) },
    ...(show === undefined ? {} : { show }),
  });
  for (const row of tableAt(records, now).values()) board.picture.upsertRow(row);
  for (const visit of visits)
    board.picture.upsertVisit(`${visit.conversation_id}/${visit.participant_id}`, lastOf(visit));
  board.picture.turn(Date.now());
  boards.push(board);
  return board;
}

const lastOf = ({ conversation_id, participant_id }: (typeof visits)[number]) => {
  const last = visitRecords
    .filter((each) => each.conversation_id === conversation_id && each.participant_id === participant_id)
    .at(-1);
  if (last === undefined) throw new Error(`no record of ${conversation_id} ${participant_id}`);
  return last;
};

beforeAll(async () => {
  tests = await storeForTests();
  await writerInto(tests.store).put(...storeRows(records));
  await putVisits(tests.store, visitRows(visitRecords));
});
afterAll(async () => {
  for (const board of boards) await board.stop();
  await tests.close();
});

const at = now - 100_000;
/** By path of the document: what is asked, and the status that comes. */
const QUESTIONS: Readonly<Record<string, readonly (readonly [query: string, status: number])[]>> = {
  '/api/about': [
    ['/api/about', 200],
    ['/api/about?x=1', 400],
  ],
  '/api/live': [
    ['/api/live?queue=', 400],
    ['/api/live?queues=a', 400],
  ],
  '/api/queues': [
    ['/api/queues', 200],
    [`/api/queues?at=${at}`, 200],
    ['/api/queues?at=0', 404],
    [`/api/queues?at=${Date.UTC(2200, 0, 1)}`, 200],
    [`/api/queues?at=${Date.UTC(2200, 0, 2)}`, 400],
    ['/api/queues?at=yesterday', 400],
    ['/api/queues?at=-1', 400],
    ['/api/queues?at=1&at=2', 400],
    ['/api/queues?at=1.5', 400],
    ['/api/queues?when=1', 400],
  ],
  '/api/conversations': [
    [`/api/conversations?queue=${first.queue_id}`, 200],
    [`/api/conversations?queue=${first.queue_id}&at=${at}`, 200],
    ['/api/conversations?queue=unknown', 200],
    [`/api/conversations?queue=unknown&at=${at}`, 200],
    ['/api/conversations?queue=unknown&at=0', 404],
    ['/api/conversations', 400],
    [`/api/conversations?queue=${'q'.repeat(101)}`, 400],
  ],
  '/api/conversations/{id}': [
    [`/api/conversations/${first.conversation_id}`, 200],
    ['/api/conversations/unknown', 404],
    [`/api/conversations/${first.conversation_id}?queue=a`, 400],
  ],
  '/api/intervals': [
    [`/api/intervals?from=${now - 3_600_000}&to=${now}`, 200],
    [`/api/intervals?from=${now - 3_600_000}&to=${now}&minutes=5&queue=${first.queue_id}`, 200],
    [`/api/intervals?from=0&to=86400000`, 200],
    [`/api/intervals?from=${now}&to=${now - 1}`, 400],
    [`/api/intervals?from=0&to=${now}&minutes=1`, 400],
    [`/api/intervals?from=0&to=${now}&minutes=0`, 400],
    [`/api/intervals?to=${now}`, 400],
  ],
  '/api/series': [
    [`/api/series?queue=${first.queue_id}&from=${now - 600_000}&to=${now}`, 200],
    [`/api/series?queue=a&from=0&to=1000`, 200],
    [`/api/series?from=${now - 600_000}&to=${now}`, 400],
    [`/api/series?queue=a&from=0&to=${now}`, 400],
  ],
  '/api/openapi.json': [['/api/openapi.json', 200]],
};

/** The validator is an ES module, which jest cannot load. */
function openApiErrors(document: Document): string {
  const program =
    "import { Validator } from '@seriousme/openapi-schema-validator'; import { text } from 'node:stream/consumers';" +
    'const { valid, errors } = await new Validator().validate(JSON.parse(await text(process.stdin)));' +
    'if (!valid) process.stdout.write(JSON.stringify(errors));';
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    ...{ cwd: packageRoot(), input: JSON.stringify(document), encoding: 'utf8' },
  });
  return stdout + stderr;
}

describe('the OpenAPI document', () => {
  let board: BoardForTests;
  let document: Document;
  beforeAll(async () => {
    board = await start();
    document = (await (await fetch(`${board.server.url}/api/openapi.json`)).json()) as Document;
  });
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  const conforms = (schema: object, answer: unknown): unknown => {
    const check = ajv.compile(schema);
    return check(answer) ? [] : check.errors;
  };

  test('is valid OpenAPI 3.1', () => {
    expect(document.openapi).toMatch(/^3\.1/);
    expect(openApiErrors(document)).toBe('');
  });

  test('the OpenAPI document has every route of the API and nothing else, and this test requests each', () => {
    const served = board.server.routes
      .filter((route) => route.startsWith('GET /api/'))
      .map((route) => route.replace('GET ', '').replace(':id', '{id}'));
    expect(Object.keys(document.paths).sort()).toEqual(served.sort());
    expect(Object.keys(QUESTIONS).sort()).toEqual(served.sort());
  });

  test.each(Object.entries(QUESTIONS).flatMap(([path, asked]) => asked.map((each) => [path, ...each] as const)))(
    '%s describes the answer to %s: %d',
    async (path, query, status) => {
      const response = await fetch(`${board.server.url}${query}`);
      const answer: unknown = await response.json();
      expect({ status: response.status, answer }).toMatchObject({ status });
      const { responses } = document.paths[path]?.get ?? { responses: {} };
      const schema = responses[status]?.content['application/json']?.schema;
      expect(schema).toBeDefined();
      expect(conforms(schema ?? {}, answer)).toEqual([]);
      if (status === 400) expect(conforms(schema ?? {}, { ...(answer as object), more: 1 })).not.toEqual([]);
    },
  );

  test('describes every event of the stream, with and without a queue', async () => {
    const [{ schema } = { schema: {} }] = Object.values(
      document.paths['/api/live']?.get.responses['200']?.content ?? {},
    );
    const shapes = (schema as { readonly oneOf: readonly { readonly title: string }[] }).oneOf;
    for (const query of ['', `?queue=${first.queue_id}`]) {
      const events = await eventsOf(
        `${board.server.url}/api/live${query}`,
        (names) => names.includes('picture') && names.includes('beat'),
      );
      for (const { name, data } of events) {
        const shape = shapes.find(({ title }) => title === name);
        expect(shape).toBeDefined();
        expect(conforms(shape ?? {}, data)).toEqual([]);
      }
      const [picture] = events.filter(({ name }) => name === 'picture');
      expect((picture?.data as { queue: unknown }).queue === null).toBe(query === '');
    }
  });
});

test('before the history begins there is no picture, and the board does not claim that nobody waited', async () => {
  const { server } = await start();
  const { oldest } = (await (await fetch(`${server.url}/api/about`)).json()) as { oldest: number };
  expect((await fetch(`${server.url}/api/queues?at=${oldest}`)).status).toBe(200);
  const response = await fetch(`${server.url}/api/queues?at=${oldest - 1}`);
  expect([response.status, await response.json()]).toEqual([
    404,
    { message: `at=${oldest - 1}: the history begins at ${new Date(oldest).toISOString()}.` },
  ]);
});

describe('addresses and subjects', () => {
  const everything = async ({ server }: BoardForTests): Promise<string> => {
    const queries = Object.values(QUESTIONS).flatMap((asked) => asked.map(([query]) => query));
    const answers = await Promise.all(
      queries.map(async (query) => {
        const response = await fetch(`${server.url}${query}`);
        return JSON.stringify([...response.headers]) + (await response.text());
      }),
    );
    const streams = await Promise.all(
      ['', `?queue=${first.queue_id}`].map((query) =>
        eventsOf(`${server.url}/api/live${query}`, (names) => names.includes('beat')),
      ),
    );
    return answers.join('\n') + JSON.stringify(streams);
  };

  test('addresses and subjects leave the board in no answer and in no event', async () => {
    expect(await everything(await start())).not.toContain(CANARY);
  });

  test('… unless BOARD_SHOW=addresses: so the test before would see them', async () => {
    const said = await everything(await start('addresses'));
    for (const kind of ['ani', 'dnis', 'subject']) expect(said).toContain(`${CANARY}-${kind}`);
  });
});

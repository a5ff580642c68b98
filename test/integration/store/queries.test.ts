import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import type { QueueVisit } from '../../../src/conversation';
import type { TruthRow, TruthVisit } from '../../../src/simulator';
import type { StoreRow } from '../../../src/store';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { putVisits, visitRows, writerInto } from '../../support/clickhouse/store-rows';
import type { Wire } from '../../support/conversation/conversation-builders';
import { truthLog, type TruthStep } from '../../support/conversation/truth-log';
import { storeRows } from '../../support/naive/naive-history';

/** The statements of docs/how-to/query.md on simulated conversations, against what the simulator knows of them. */
const page = readFileSync(join(packageRoot(), 'docs', 'how-to', 'query.md'), 'utf8');
const STATEMENTS = new Map(
  [...page.matchAll(/^### (\d+)\. [^\n]+\n(?:(?!^###)[\s\S])*?```sql\n([\s\S]*?)```/gm)].map(([, number, sql = '']) => [
    Number(number),
    sql,
  ]),
);

/** In the middle of the day: many are over, and many live. */
const { steps, records, visits, visitRecords, now } = truthLog(
  { seed: 21, conversations: 400, agents: 20, conversationsPerSecond: 1 },
  3_000,
);
const MIDDLE = steps[Math.floor(steps.length / 2)]?.at ?? 0;
const ALL = { from: '2026-03-01 00:00:00', to: '2026-03-04 00:00:00' };
const THEN = { at: new Date(MIDDLE + 5_400_000).toISOString().replace('Z', '+01:30') };
const iso = (time: number): string => new Date(time).toISOString();

/** Every third conversation had one like it a week before. */
const WEEK_MS = 7 * 86_400_000;
const hadOneBefore = (id: string): boolean => Number.parseInt(id.slice(0, 2), 16) % 3 === 0;
const lastWeek = (): readonly QueueVisit[] =>
  visitRecords
    .filter(({ conversation_id: id }) => hadOneBefore(id))
    .map((visit) => ({
      ...visit,
      conversation_id: `${visit.conversation_id}-before`,
      entered_time: visit.entered_time - WEEK_MS,
      outcome: 'unknown',
    }));

let tests: TestStore;
beforeAll(async () => {
  tests = await storeForTests();
  await writerInto(tests.store).put(...storeRows(records));
  await putVisits(tests.store, visitRows([...visitRecords, ...lastWeek()]));
});
afterAll(() => tests.close());

/** As JSON, 64-bit numbers as numbers, times as ISO. */
async function answer(number: number, params: Readonly<Record<string, unknown>> = {}): Promise<unknown[]> {
  const database = `\`${tests.store.database}\``;
  const sql = (STATEMENTS.get(number) ?? '')
    .replace(/\b(FROM|JOIN)\s+(queue_\w+|names)\b/g, `$1 ${database}.$2`)
    .replaceAll("now('UTC')", `toDateTime64('${iso(now).slice(0, -1)}', 3, 'UTC')`);
  const result = await tests.store.client.query({
    query: `${sql} SETTINGS output_format_json_quote_64bit_integers = 0, date_time_output_format = 'iso'`,
    query_params: { ...params },
    format: 'JSONEachRow',
  });
  return result.json();
}

interface Live {
  readonly step: TruthStep;
  readonly row: TruthRow;
}

const inForceAt = (instant: number): readonly Live[] =>
  steps
    .filter(({ at, until }) => at <= instant && instant < until)
    .flatMap((step) => (step.row === null ? [] : [{ step, row: step.row }]))
    .sort((a, b) => order(a.row.conversation_id, b.row.conversation_id));
const live = (): readonly Live[] => inForceAt(now);
const isAgent = ({ purpose }: TruthRow): boolean => purpose === 'agent' || purpose === 'user';
const talks = (row: TruthRow): boolean => isAgent(row) && row.state === 'connected';
const isAlerted = (row: TruthRow): boolean => row.purpose === 'agent' && row.state === 'alerting';
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;
const average = (values: readonly number[]): number =>
  rounded(values.reduce((sum, one) => sum + one, 0) / values.length);

/** Groups by the JSON of a key, in the order of ClickHouse: by its parts. */
function grouped<T, K extends Readonly<Record<string, string | null>>>(
  items: readonly T[],
  keyOf: (item: T) => K,
): readonly { readonly key: K; readonly items: readonly T[] }[] {
  const groups = new Map<string, { readonly key: K; readonly items: T[] }>();
  for (const item of items) {
    const key = keyOf(item);
    const text = Object.values(key).join('\u0000');
    const group = groups.get(text) ?? { key, items: [] };
    group.items.push(item);
    groups.set(text, group);
  }
  return [...groups.entries()].sort(([a], [b]) => order(a, b)).map(([, group]) => group);
}

/** Rows that are followed by no row: how a conversation ended. */
const endings = (): readonly TruthRow[] => steps.flatMap(({ row, before }) => (row === null && before ? [before] : []));

/** For each queue that a conversation entered: the seconds until an agent was connected; null: nobody was. */
function answersByQueue(): readonly { readonly queue: string; readonly answeredAfter: number | null }[] {
  const rows = steps.flatMap(({ at, row }) => (row === null ? [] : [{ at, row }]));
  return grouped(rows, ({ row }) => ({
    id: row.conversation_id,
    queue: row.queue_id,
    since: row.queue_connected_time,
  })).map(({ key, items }) => {
    const answered = items.filter(({ row }) => talks(row)).map(({ at }) => (at - Date.parse(key.since)) / 1_000);
    return { queue: key.queue, answeredAfter: answered.length === 0 ? null : Math.min(...answered) };
  });
}

/** The answer must say something: an empty one is right far too often. */
async function isTrue(number: number, expected: readonly unknown[], params = {}): Promise<void> {
  expect(await answer(number, params)).toEqual(expected);
  expect(expected.length).toBeGreaterThan(0);
}

test('docs/how-to/query.md numbers its questions, and each has a test', () => {
  expect(STATEMENTS.size).toBeGreaterThanOrEqual(22);
  expect([...STATEMENTS.keys()]).toEqual(Array.from({ length: STATEMENTS.size }, (_, index) => index + 1));
  const source = readFileSync(__filename, 'utf8');
  for (const number of STATEMENTS.keys()) expect(source).toMatch(new RegExp(`(isTrue|answer)\\(\\s*${number},`));
});

describe('now', () => {
  test('1: who waits longest', () => {
    const waiting = live()
      .filter(({ row }) => row.waiting)
      .sort((a, b) => order(a.row.queue_connected_time, b.row.queue_connected_time));
    const expected = waiting.slice(0, 10).map(({ row }) => ({
      conversation_id: row.conversation_id,
      queue_id: row.queue_id,
      media_type: row.media_type,
      queue_connected_time: row.queue_connected_time,
      seconds: Math.floor(now / 1_000) - Math.floor(Date.parse(row.queue_connected_time) / 1_000),
    }));
    return isTrue(1, expected);
  });

  test('2: how many wait in each queue, and since when', () => {
    const groups = grouped(live(), ({ row }) => ({ queue_id: row.queue_id }));
    const expected = groups.flatMap(({ key, items }) => {
      const waiting = items.filter(({ row }) => row.waiting);
      const [since] = waiting.map(({ row }) => row.queue_connected_time).sort();
      return since === undefined ? [] : [{ ...key, waiting: waiting.length, since }];
    });
    return isTrue(2, expected);
  });

  test('3: who is alerted', () => {
    const alerted = live().filter(({ row }) => isAlerted(row));
    const expected = grouped(alerted, ({ row }) => ({ user_id: row.user_id })).map(({ key, items }) => ({
      ...key,
      alerts: items.length,
      since: iso(Math.min(...items.map(({ step }) => step.at))),
    }));
    return isTrue(3, expected);
  });

  test('4: how many are talked to', () => {
    const talking = live().filter(({ row }) => talks(row));
    const expected = grouped(talking, ({ row }) => ({ queue_id: row.queue_id })).map(({ key, items }) => ({
      ...key,
      talking: items.length,
    }));
    return isTrue(4, expected);
  });

  test('5: who is in after-call work for long', () => {
    const pending = live().filter(({ row }) => row.acw_state === 'pending');
    const since = ({ row }: Live): number =>
      Math.min(
        ...steps
          .filter(
            (step) =>
              step.id === row.conversation_id &&
              step.row?.acw_state === 'pending' &&
              step.row.participant_id === row.participant_id,
          )
          .map(({ at }) => at),
      );
    const all = pending
      .map((each) => ({ user_id: each.row.user_id, conversation_id: each.row.conversation_id, at: since(each) }))
      .sort((a, b) => a.at - b.at)
      .map(({ at, ...rest }) => ({ ...rest, since: iso(at) }));
    const longerThan = (seconds: number) =>
      all.filter(({ since: from }) => Math.floor(now / 1_000) - Math.floor(Date.parse(from) / 1_000) > seconds);
    expect(longerThan(0).length).toBeGreaterThan(0);
    return isTrue(5, longerThan(1), { seconds: 1 });
  });

  test('6: which e-mails are parked', () => {
    const expected = live()
      .filter(({ row }) => row.media_type === 'Email' && row.state === 'parked')
      .map(({ row: { conversation_id, user_id, subject } }) => ({ conversation_id, user_id, subject }));
    return isTrue(6, expected);
  });

  test('7: media and directions', () => {
    const groups = grouped(live(), ({ row: { media_type, direction } }) => ({ media_type, direction }));
    return isTrue(
      7,
      groups.map(({ key, items }) => ({ ...key, conversations: items.length })),
    );
  });

  test('8: which skills are waited for', () => {
    const skills = live().flatMap(({ row }) => (row.waiting ? (row.routing_skill_id?.split(',') ?? []) : []));
    return isTrue(
      8,
      grouped(skills, (skill) => ({ skill })).map(({ key, items }) => ({ ...key, callers: items.length })),
    );
  });
});

describe('at an instant', () => {
  test('9: how many waited in each queue', () => {
    const waiting = inForceAt(MIDDLE).filter(({ row }) => row.waiting);
    const groups = grouped(waiting, ({ row }) => ({ queue_id: row.queue_id }));
    return isTrue(
      9,
      groups.map(({ key, items }) => ({ ...key, callers: items.length })),
      THEN,
    );
  });

  test('10: the table as it was', () => {
    const expected = inForceAt(MIDDLE).map(
      ({ row: { conversation_id, queue_id, media_type, purpose, state, user_id } }) => ({
        ...{ conversation_id, queue_id, media_type, purpose, state, user_id },
      }),
    );
    return isTrue(10, expected, THEN);
  });

  test('11: who talked to whom', () => {
    const expected = inForceAt(MIDDLE)
      .filter(({ row }) => talks(row))
      .map(({ row: { user_id, conversation_id } }) => ({ user_id, conversation_id }))
      .sort((a, b) => order(`${a.user_id} ${a.conversation_id}`, `${b.user_id} ${b.conversation_id}`));
    return isTrue(11, expected, THEN);
  });
});

test('12: the life of one conversation', async () => {
  const [longest] = grouped(steps, ({ id }) => ({ id })).toSorted((a, b) => b.items.length - a.items.length);
  const life = longest?.items ?? [];
  const rows = (await answer(12, { conversation: longest?.key.id ?? '' })) as { change: string; seconds: number }[];
  // The closing row holds for no time: it is the record's, not the simulator's.
  const shown = rows.filter(({ change, seconds }) => change === 'deleted' || seconds > 0);
  expect(shown.length).toBeGreaterThan(5);
  expect(shown).toMatchObject(
    life.map(({ row, at, until }) =>
      row === null
        ? { change: 'deleted', seconds: null }
        : {
            ...{
              purpose: row.purpose,
              state: row.state,
              user_id: row.user_id,
              queue_id: row.queue_id,
              waiting: row.waiting,
            },
            ...(until === Infinity ? {} : { seconds: (until - at) / 1_000 }),
          },
    ),
  );
});

describe('over a period', () => {
  test('13: how many began in each quarter of an hour', () => {
    const QUARTER_MS = 15 * 60_000;
    const began = steps.filter(({ row, before }) => row !== null && before === null);
    const groups = grouped(began, ({ at }) => ({
      quarter: iso(Math.floor(at / QUARTER_MS) * QUARTER_MS).replace('.000', ''),
    }));
    return isTrue(
      13,
      groups.map(({ key, items }) => ({ ...key, conversations: items.length })),
      ALL,
    );
  });

  test('14: how many gave up while they waited', () => {
    const groups = grouped(
      endings().filter(({ waiting }) => waiting),
      ({ queue_id }) => ({ queue_id }),
    );
    return isTrue(
      14,
      groups.map(({ key, items }) => ({ ...key, abandoned: items.length })),
      ALL,
    );
  });

  test('15: how many gave up while an agent was alerted', () => {
    const alerted = endings().filter((row) => row.waiting && isAlerted(row));
    const groups = grouped(alerted, ({ user_id }) => ({ user_id }));
    return isTrue(
      15,
      groups.map(({ key, items }) => ({ ...key, abandoned: items.length })),
      ALL,
    );
  });

  test('16: transfers between queues', () => {
    const moved = steps.flatMap(({ row, before }) =>
      row && before && row.queue_id !== before.queue_id
        ? [{ from_queue: before.queue_id, to_queue: row.queue_id }]
        : [],
    );
    const groups = grouped(moved, (each) => each);
    return isTrue(
      16,
      groups.map(({ key, items }) => ({ ...key, transfers: items.length })),
      ALL,
    );
  });

  test('17: the service level', () => {
    const expected = grouped(answersByQueue(), ({ queue }) => ({ queue_id: queue })).map(({ key, items }) => {
      const within = items.filter(({ answeredAfter: after }) => after !== null && after <= 20).length;
      return { ...key, offered: items.length, within, service_level: rounded(within / items.length) };
    });
    return isTrue(17, expected, ALL);
  });

  test('18: the time to answer', () => {
    const answered = answersByQueue().flatMap(({ queue, answeredAfter }) =>
      answeredAfter === null ? [] : [{ queue, answeredAfter }],
    );
    const expected = grouped(answered, ({ queue }) => ({ queue_id: queue })).map(({ key, items }) => {
      const seconds = items.map(({ answeredAfter }) => answeredAfter);
      return { ...key, answered: items.length, average: average(seconds), longest: Math.max(...seconds) };
    });
    return isTrue(18, expected, ALL);
  });

  test('19: how long an agent handles a conversation', () => {
    const alive = new Set(live().map(({ row }) => row.conversation_id));
    const talking = steps.filter(({ id, row }) => row !== null && talks(row) && !alive.has(id));
    const each = grouped(talking, ({ id, row }) => ({ media_type: row?.media_type ?? null, id })).map(
      ({ key, items }) => ({
        media_type: key.media_type,
        seconds: items.reduce((sum, { at, until }) => sum + (until - at) / 1_000, 0),
      }),
    );
    const groups = grouped(each, ({ media_type }) => ({ media_type }));
    const expected = groups.map(({ key, items }) => ({
      ...key,
      handled: items.length,
      average: average(items.map(({ seconds }) => seconds)),
    }));
    return isTrue(19, expected, ALL);
  });

  test('20: who let it ring or declined', () => {
    const missed = steps.flatMap(({ row, before }) =>
      row?.waiting === true &&
      before?.state === 'alerting' &&
      before.session_id === row.session_id &&
      ['disconnected', 'terminated'].includes(row.state ?? '')
        ? [row]
        : [],
    );
    const groups = grouped(missed, ({ user_id }) => ({ user_id }));
    return isTrue(
      20,
      groups.map(({ key, items }) => ({ ...key, missed: items.length })),
      ALL,
    );
  });
});

describe('who started it, who ended it', () => {
  test('21: who started the conversations', () => {
    const began = grouped(
      steps.flatMap(({ row }) => (row === null ? [] : [row])),
      ({ conversation_id }) => ({ id: conversation_id }),
    );
    const first = began.map(({ items }) => items.find(({ direction }) => direction !== null)?.direction ?? null);
    const expected = grouped(first, (direction) => ({ direction })).map(({ key, items }) => ({
      ...key,
      conversations: items.length,
    }));
    expect(expected.length).toBeGreaterThan(2);
    return isTrue(21, expected, ALL);
  });

  /** As the customer's own side of the wire tells it. */
  function whoHungUp({ before, body }: TruthStep): string {
    if (before?.waiting === true) return 'caller, while waiting';
    const participants = body['participants'] as readonly Wire[];
    const customer = participants.findLast(({ purpose }) => purpose === 'customer');
    const legs = ['calls', 'callbacks', 'chats', 'emails', 'messages'].flatMap(
      (medium) => (customer?.[medium] ?? []) as readonly Wire[],
    );
    const last = legs.toSorted((a, b) => order(String(a['disconnectedTime']), String(b['disconnectedTime']))).at(-1);
    const how = String(last?.['disconnectType']);
    // The other side of a workflow that ends the call is no agent.
    if (how === 'peer' && before?.purpose === 'workflow') return 'system';
    return { peer: 'agent', endpoint: 'caller' }[how] ?? 'system';
  }

  test('22: who hung up', () => {
    const told = steps
      .filter(({ row, before }) => row === null && before !== null)
      .map((step) => ({ who: whoHungUp(step) }));
    const expected = grouped(told, (each) => each).map(({ key, items }) => ({ ...key, conversations: items.length }));
    expect(expected.length).toBeGreaterThan(2);
    return isTrue(22, expected, ALL);
  });
});

describe('what became of every caller', () => {
  const ours = visits.filter(({ consult }) => !consult);
  const waitOf = ({ entered_time: entered, left_time: left }: TruthVisit): number =>
    Math.max(0, (left === null ? now : Date.parse(left)) - Date.parse(entered));
  const midnight = Math.floor(now / 86_400_000) * 86_400_000;
  const today = ours.filter(({ entered_time }) => Date.parse(entered_time) >= midnight);

  test('23: the service level by half-hour', () => {
    const HALF_HOUR_MS = 30 * 60_000;
    const expected = grouped(
      today.filter(({ entered_time }) => Date.parse(entered_time) < now),
      ({ queue_id, entered_time }) => ({
        queue_id,
        interval_start: iso(Math.floor(Date.parse(entered_time) / HALF_HOUR_MS) * HALF_HOUR_MS),
      }),
    ).map(({ key, items }) => {
      const answered = items.filter(({ outcome }) => outcome === 'answered');
      const abandoned = items.filter(({ outcome }) => outcome === 'abandoned');
      const counted = answered.length + abandoned.filter((visit) => waitOf(visit) >= 5_000).length;
      const inTarget = answered.filter((visit) => waitOf(visit) <= 20_000).length;
      return {
        ...{ ...key, offered: items.length, answered: answered.length, abandoned: abandoned.length },
        service_level: counted === 0 ? null : rounded(inTarget / counted),
      };
    });
    return isTrue(23, expected, { target: 20, short: 5 });
  });

  test('24: who gave up after a while', () => {
    const late = ours.filter((visit) => visit.outcome === 'abandoned' && waitOf(visit) > 30_000);
    const expected = grouped(late, ({ queue_id }) => ({ queue_id })).map(({ key, items }) => ({
      ...key,
      abandoned: items.length,
    }));
    expect(late.length).toBeLessThan(ours.filter(({ outcome }) => outcome === 'abandoned').length);
    return isTrue(24, expected, { ...ALL, seconds: 30 });
  });

  test('25: the average speed of answer', () => {
    const answered = ours.filter(({ outcome }) => outcome === 'answered');
    const expected = grouped(answered, ({ media_type }) => ({ media_type })).map(({ key, items }) => ({
      ...{ ...key, answered: items.length },
      seconds: average(items.map((visit) => waitOf(visit) / 1_000)),
    }));
    return isTrue(25, expected, ALL);
  });

  test('26: who missed offers', () => {
    const shown = steps.flatMap((step) => (step.row?.purpose === 'agent' ? [{ step, row: step.row }] : []));
    const legs = grouped(shown, ({ row }) => ({
      ...{ user_id: row.user_id, id: row.conversation_id, participant: row.participant_id, leg: row.communication_id },
    })).filter(({ items }) => items.some(({ row }) => row.state === 'alerting'));
    const told = legs.map(({ key, items }) => {
      const talked = items.some(({ row }) => row.state === 'connected');
      const last = items.at(-1);
      const rings = last?.step.until === Infinity && last.row.state === 'alerting';
      return { user_id: key.user_id, missed: !talked && !rings };
    });
    const expected = grouped(told, ({ user_id }) => ({ user_id })).map(({ key, items }) => ({
      ...{ ...key, offers: items.length },
      missed: items.filter(({ missed }) => missed).length,
    }));
    expect(told.filter(({ missed }) => missed).length).toBeGreaterThan(5);
    return isTrue(26, expected, ALL);
  });

  test('27: who waited longest', () => {
    const expected = today
      .map((visit) => ({
        ...{ conversation_id: visit.conversation_id, queue_id: visit.queue_id, outcome: visit.outcome },
        seconds: waitOf(visit) / 1_000,
      }))
      .sort((a, b) => b.seconds - a.seconds || order(a.conversation_id, b.conversation_id))
      .slice(0, 10);
    return isTrue(27, expected);
  });

  test('29: where they flowed out to', () => {
    const flowed = ours.filter(({ outcome }) => outcome === 'flowed_out');
    const told = flowed.map((visit) => {
      const left = Date.parse(visit.left_time ?? '') - 1_000;
      const next = steps.find(
        ({ id, at, row }) =>
          id === visit.conversation_id && at >= left && row !== null && row.participant_id !== visit.participant_id,
      );
      return { queue_id: visit.queue_id, went_to: next?.row?.purpose ?? 'the end' };
    });
    const expected = grouped(told, (each) => each).map(({ key, items }) => ({ ...key, visits: items.length }));
    return isTrue(29, expected, ALL);
  });

  test('30: arrivals beside those of last week', () => {
    const day = iso(midnight).slice(0, 10);
    const QUARTER_MS = 15 * 60_000;
    const groups = grouped(today, ({ entered_time }) => ({
      quarter: iso(Math.floor(Date.parse(entered_time) / QUARTER_MS) * QUARTER_MS).slice(11, 16),
    }));
    const expected = groups.map(({ key, items }) => ({
      ...{ ...key, arrivals: items.length },
      a_week_before: items.filter(({ conversation_id: id }) => hadOneBefore(id)).length,
    }));
    return isTrue(30, expected, { day });
  });

  test('31: what is stuck', () => {
    const second = Math.floor(now / 1_000) * 1_000;
    const stuck = (minutes: number) =>
      visits
        .filter(
          ({ outcome, entered_time }) => outcome === 'waiting' && Date.parse(entered_time) < second - minutes * 60_000,
        )
        .sort((a, b) => order(a.entered_time, b.entered_time) || order(a.conversation_id, b.conversation_id))
        .map(({ conversation_id, queue_id, media_type, entered_time }) => ({
          ...{ conversation_id, queue_id, media_type },
          minutes: Math.floor(now / 60_000) - Math.floor(Date.parse(entered_time) / 60_000),
        }));
    expect(stuck(1).length).toBeLessThan(visits.filter(({ outcome }) => outcome === 'waiting').length);
    return isTrue(31, stuck(1), { minutes: 1 });
  });

  test('32: from which queue to which', () => {
    const inOrder = ours.toSorted(
      (a, b) => order(a.entered_time, b.entered_time) || order(a.participant_id, b.participant_id),
    );
    const moves = grouped(inOrder, ({ conversation_id: id }) => ({ id })).flatMap(({ items }) =>
      items.flatMap(({ queue_id: to }, index) => {
        const from = items[index - 1]?.queue_id;
        return from === undefined || from === to ? [] : [{ from, to }];
      }),
    );
    const expected = grouped(moves, ({ from }) => ({ from_queue: from })).map(({ key, items }) => ({
      ...key,
      went_to: Object.fromEntries(
        grouped(items, ({ to }) => ({ to })).map(({ key: { to }, items: each }) => [to, each.length]),
      ),
    }));
    return isTrue(32, expected, ALL);
  });
});

describe('callers who call again', () => {
  test('28: who came back within an hour', async () => {
    // Every fourth caller calls again, half of them too late.
    const again = visits
      .filter(({ consult, conversation_id: id }) => !consult && Number.parseInt(id.slice(0, 2), 16) % 4 === 0)
      .map((visit, index) => ({ visit, laterMs: (index % 2 === 0 ? 40 : 90) * 60_000 }));
    const rowOf = new Map(
      records.flatMap(({ conversationId, row }) => (row === null ? [] : [[conversationId, row] as const])),
    );
    const renamed = (id: string): string => `${id}-again`;
    const copies = again.flatMap(({ visit: { conversation_id: id } }) => rowOf.get(id) ?? []);
    await writerInto(tests.store).put(
      ...copies.map((row, index): StoreRow => {
        const copy = { ...row, conversation_id: renamed(row.conversation_id) };
        return { kind: 'row', row: copy, partition: 1, offset: index };
      }),
    );
    const repeated = again.flatMap(({ visit, laterMs }) =>
      visitRecords
        .filter(
          ({ conversation_id, participant_id }) =>
            conversation_id === visit.conversation_id && participant_id === visit.participant_id,
        )
        .map((record) => ({
          ...record,
          conversation_id: renamed(record.conversation_id),
          entered_time: record.entered_time + laterMs,
        })),
    );
    await putVisits(tests.store, visitRows(repeated, 1));
    const aniOf = new Map([...rowOf].flatMap(([id, { ani }]) => (ani === null ? [] : [[id, ani] as const])));
    const ours = visits.filter(({ consult, conversation_id: id }) => !consult && aniOf.has(id));
    const began = grouped(ours, ({ conversation_id: id }) => ({ id })).map(({ key: { id }, items }) => ({
      ...{ id, ani: aniOf.get(id) ?? '' },
      at: Math.min(...items.map(({ entered_time }) => Date.parse(entered_time))),
    }));
    const later = grouped(
      again.filter(({ visit: { conversation_id: id } }) => aniOf.has(id)),
      ({ visit: { conversation_id: id } }) => ({ id }),
    ).map(({ key: { id }, items }) => ({
      ...{ id: renamed(id), ani: aniOf.get(id) ?? '' },
      at: Math.min(...items.map(({ visit, laterMs }) => Date.parse(visit.entered_time) + laterMs)),
    }));
    const expected = grouped(
      [...began, ...later].sort((a, b) => a.at - b.at || order(a.id, b.id)),
      ({ ani }) => ({ caller: ani }),
    )
      .map(({ key, items }) => ({
        ...key,
        came_back: items.filter(({ at }, index) => at - (items[index - 1]?.at ?? -Infinity) <= 3_600_000).length,
      }))
      .filter(({ came_back: times }) => times > 0)
      .sort((a, b) => b.came_back - a.came_back || order(a.caller, b.caller));
    expect(expected.length).toBeLessThan(later.length);
    return isTrue(28, expected, ALL);
  });
});

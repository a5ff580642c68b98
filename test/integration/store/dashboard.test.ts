import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TruthVisit } from '../../../src/simulator';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { putVisits, visitRows, writerInto } from '../../support/clickhouse/store-rows';
import { truthLog } from '../../support/conversation/truth-log';
import { asGrafanaSends, type Dashboard, dashboards } from '../../support/monitoring/monitoring';
import { storeRows } from '../../support/naive/naive-history';

/** Every query of the dashboards of the queues, on simulated conversations. */
const shipped = (name: string) => {
  const dashboard = dashboards().find(({ file }) => file === name);
  if (dashboard === undefined) throw new Error(`no dashboard ${name}`);
  return dashboard;
};
const live = shipped('queues-live.json');
const performance = shipped('queue-performance.json');
const { records, visits, visitRecords } = truthLog(
  { seed: 5, conversations: 200, agents: 20, conversationsPerSecond: 1 },
  600,
);

let tests: TestStore;
beforeAll(async () => {
  tests = await storeForTests();
  await writerInto(tests.store).put(...storeRows(records));
  await putVisits(tests.store, visitRows(visitRecords));
  const { store } = tests;
  await store.client.command({
    query:
      `INSERT INTO \`${store.database}\`.queue_conversation_progress (topic, partition, version, as_of) ` +
      "VALUES ('state', 0, 1, now64(3, 'UTC') - 7), ('state', 1, 1, now64(3, 'UTC'))",
  });
});
afterAll(() => tests.close());

function asked({ targets, variables }: Dashboard) {
  const expand = (query: string, queues: readonly string[]) => asGrafanaSends(query, tests.store.database, queues);
  const queues = async (): Promise<readonly string[]> => {
    const query = variables.find(({ name }) => name === 'queue')?.query ?? '';
    const rows = await tests.rows(expand(query, []));
    return rows.map((row) => String(row['queue_name']));
  };
  const answer = async (query: string, of?: readonly string[]) => tests.rows(expand(query, of ?? (await queues())));
  const panel = (title: string, of?: readonly string[]) =>
    answer(targets.find((target) => target.panel === title)?.query ?? '', of);
  return { queues, answer, panel };
}

describe.each([live, performance])('the dashboard $file', (dashboard) => {
  const { answer, queues, panel } = asked(dashboard);

  test.each(dashboard.targets)('$panel', async ({ query }) => {
    const rows = await answer(query);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toMatch(/\$/);
  });

  test('only the chosen queues are shown', async () => {
    const [first = '', ...others] = await queues();
    expect(others.length).toBeGreaterThan(0);
    const shown = await panel('Queues', [first]);
    expect(new Set(shown.map((row) => row['queue_name']))).toEqual(new Set([first]));
  });
});

describe('queues live', () => {
  const { panel } = asked(live);

  test('the numbers are those of the table', async () => {
    const rows = await tests.rows(`SELECT * FROM \`${tests.store.database}\`.queue_live`);
    const sum = (column: string): number => rows.reduce((all, row) => all + Number(row[column]), 0);
    expect(await panel('Waiting')).toEqual([{ waiting: String(sum('waiting_now')) }]);
    expect(await panel('Talking')).toEqual([{ talking: String(sum('talking')) }]);
    expect(sum('talking')).toBeGreaterThan(0);
    expect(await panel('Queues')).toHaveLength(rows.length);
    expect(await panel('Who waits longest')).toHaveLength(Math.min(20, sum('waiting_now')));
  });

  test('the table is as old as the partition that is furthest behind', async () => {
    const [row] = await panel('The table is behind by');
    expect(Number(row?.['seconds'])).toBeGreaterThanOrEqual(7);
  });
});

describe('queue performance', () => {
  const { panel } = asked(performance);
  const counted = visits.filter(({ consult }) => !consult);
  const ended = (outcome: string): TruthVisit[] => counted.filter((visit) => visit.outcome === outcome);
  const wait = ({ entered_time, left_time }: TruthVisit): number =>
    Math.max(0, Date.parse(left_time ?? '') - Date.parse(entered_time));

  test('the numbers are those of the visits', async () => {
    expect(await panel('Offered')).toEqual([{ offered: String(counted.length) }]);
    expect(await panel('Abandoned')).toEqual([{ abandoned: String(ended('abandoned').length) }]);
    const counting = ended('abandoned').filter((visit) => wait(visit) >= 5_000).length + ended('answered').length;
    const inTarget = ended('answered').filter((visit) => wait(visit) <= 20_000).length;
    const [level] = await panel('Service level');
    expect(Number(level?.['service_level'])).toBeCloseTo(inTarget / counting, 9);
    const [speed] = await panel('Average speed of answer');
    const waits = ended('answered').map(wait);
    const average = waits.reduce((sum, each) => sum + each, 0) / waits.length / 1_000;
    expect(Number(speed?.['seconds'])).toBeCloseTo(average, 6);
    expect(inTarget).toBeGreaterThan(0);
    expect(inTarget).toBeLessThan(counting);
  });
});

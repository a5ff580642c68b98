import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { writerInto } from '../../support/clickhouse/store-rows';
import { truthLog } from '../../support/conversation/truth-log';
import { asGrafanaSends, dashboards } from '../../support/monitoring/monitoring';
import { storeRows } from '../../support/naive/naive-history';

/** Every query of the dashboard of the queues, on simulated conversations. */
const dashboard = dashboards().find(({ file }) => file === 'queues-live.json');
const TARGETS = dashboard?.targets ?? [];
const QUEUES = dashboard?.variables.find(({ name }) => name === 'queue')?.query ?? '';
const { records } = truthLog({ seed: 5, conversations: 200, agents: 20, conversationsPerSecond: 1 }, 600);

let tests: TestStore;
beforeAll(async () => {
  tests = await storeForTests();
  await writerInto(tests.store).put(...storeRows(records));
  const { store } = tests;
  await store.client.command({
    query:
      `INSERT INTO \`${store.database}\`.queue_conversation_progress (topic, partition, version, as_of) ` +
      "VALUES ('state', 0, 1, now64(3, 'UTC') - 7), ('state', 1, 1, now64(3, 'UTC'))",
  });
});
afterAll(() => tests.close());

const expand = (query: string, queues: readonly string[]) => asGrafanaSends(query, tests.store.database, queues);

async function queues(): Promise<readonly string[]> {
  const rows = await tests.rows(expand(QUEUES, []));
  return rows.map((row) => String(row['queue_name']));
}

const answer = async (query: string, of?: readonly string[]) => tests.rows(expand(query, of ?? (await queues())));
const panel = (title: string): string => TARGETS.find((target) => target.panel === title)?.query ?? '';

describe('the dashboard of the queues', () => {
  test.each(TARGETS)('$panel', async ({ query }) => {
    const rows = await answer(query);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toMatch(/\$/);
  });

  test('the numbers are those of the table', async () => {
    const rows = await tests.rows(`SELECT * FROM \`${tests.store.database}\`.queue_live`);
    const sum = (column: string): number => rows.reduce((all, row) => all + Number(row[column]), 0);
    expect(await answer(panel('Waiting'))).toEqual([{ waiting: String(sum('waiting_now') + sum('alerting')) }]);
    expect(await answer(panel('Talking'))).toEqual([{ talking: String(sum('talking')) }]);
    expect(sum('talking')).toBeGreaterThan(0);
    expect(await answer(panel('Queues'))).toHaveLength(rows.length);
    expect(await answer(panel('Who waits longest'))).toHaveLength(Math.min(20, sum('waiting_now') + sum('alerting')));
  });

  test('only the chosen queues are shown', async () => {
    const [first = '', ...others] = await queues();
    expect(others.length).toBeGreaterThan(0);
    const shown = await answer(panel('Queues'), [first]);
    expect(new Set(shown.map((row) => row['queue_name']))).toEqual(new Set([first]));
  });

  test('the table is as old as the partition that is furthest behind', async () => {
    const [row] = await answer(panel('The table is behind by'));
    expect(Number(row?.['seconds'])).toBeGreaterThanOrEqual(7);
  });
});

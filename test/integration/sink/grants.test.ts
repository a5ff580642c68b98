import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createMetrics } from '../../../src/ops';
import { cleanUp } from '../../../src/sink/cleanup';
import {
  checkClickHouse,
  claimEpoch,
  connectStore,
  createProgress,
  type Grant,
  grantText,
  migrate,
  SETUP_GRANTS,
  SINK_GRANTS,
  type Store,
} from '../../../src/store';
import { clickHouseProcess, type ClickHouseProcess } from '../../support/clickhouse/clickhouse-process';

const DATABASE = 'granted';
const logger = pino({ enabled: false });

let folder: string;
let server: ClickHouseProcess | null = null;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queuefold-test-'));
});
afterEach(async () => {
  await server?.stop();
  server = null;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The same tables, for a user who may do this and nothing else. */
async function asUserWith(grants: readonly Grant[]): Promise<Store> {
  const statements = grants.map((grant) => grantText(grant, DATABASE));
  server = await clickHouseProcess(folder, 'read-write', 0, statements);
  return connectStore({ url: server.url, username: 'default', password: '', database: DATABASE });
}

const grantsFinding = async (store: Store) =>
  (await checkClickHouse({ store })).find(({ name }) => name === 'clickhouse grants');

describe('with the documented GRANTs and nothing else', () => {
  test('setup makes the tables', async () => {
    const store = await asUserWith(SETUP_GRANTS);
    const steps = await migrate(store.client, { database: DATABASE, dryRun: false });
    expect(steps.filter(({ outcome }) => outcome === 'would apply')).toEqual([]);
    await store.close();
  });

  test('the sink stores, notes, cleans up, and may not create', async () => {
    const store = await asUserWith(SINK_GRANTS);
    const epoch = await claimEpoch(store, { topic: 't', id: 'a' });
    const table = `${DATABASE}.queue_conversation_state`;
    const tombstone = `INSERT INTO ${table} (conversation_id, _deleted, _ingested_at) VALUES ('c', 1, now() - 10000)`;
    await store.client.command({ query: tombstone });
    await createProgress(store, 't', epoch).write(new Map([[0, { offset: 1, watermark: Date.now() }]]));
    await createProgress(store, 't', epoch).read();
    const options = { store, intervalMs: 1_000, graceMs: 1_000, metrics: createMetrics(), logger };
    expect(await cleanUp(options)).toBe(1);
    await store.client.command({ query: `OPTIMIZE TABLE ${DATABASE}.names FINAL` });
    expect(await migrate(store.client, { database: DATABASE, dryRun: false })).toEqual(
      expect.arrayContaining([expect.objectContaining({ outcome: 'unchanged' })]),
    );
    expect(await grantsFinding(store)).toMatchObject({ outcome: 'warning' });
    await expect(store.client.command({ query: `DROP TABLE ${table}` })).rejects.toThrow('privileges');
    await store.close();
  });

  test.each(['SELECT', 'INSERT', 'OPTIMIZE', 'ALTER DELETE'])('without %s the doctor names it', async (privilege) => {
    const fewer = SINK_GRANTS.map(({ privileges, table }) => ({
      table,
      privileges: privileges.filter((one) => one !== privilege),
    })).filter(({ privileges }) => privileges.length > 0);
    const store = await asUserWith(fewer);
    const finding = await grantsFinding(store);
    expect(finding).toMatchObject({ outcome: 'failed', detail: expect.stringContaining(`lacks ${privilege}`) });
    expect(finding?.remedy).toContain(`GRANT ${privilege}`);
    await store.close();
  });
});

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { migrate, type MigrationStep } from '../../../src/store/migrations';
import type { HistoryWishes } from '../../../src/store/retention';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { upsert, writerInto } from '../../support/clickhouse/store-rows';

const DAY_MS = 86_400_000;

describe('how long the history is kept', () => {
  let tests: TestStore;
  beforeEach(async () => {
    tests = await storeForTests();
  });
  afterEach(() => tests.close());

  const table = () => `\`${tests.store.database}\`.queue_conversation_history`;
  const command = (query: string) => tests.store.client.command({ query });
  /** The names of the steps that are no files, with their outcome. */
  const setUp = async (history: HistoryWishes, dryRun = false): Promise<string[]> => {
    const steps = await migrate(tests.store.client, { database: tests.store.database, dryRun, history });
    return steps
      .filter(({ outcome }: MigrationStep) => outcome !== 'unchanged')
      .map(({ name, outcome }) => `${outcome}: ${name}`);
  };
  const ttlOf = async (name: string): Promise<string> => {
    const [row] = await tests.rows(
      `SELECT engine_full FROM system.tables WHERE database = '${tests.store.database}' AND name = '${name}'`,
    );
    return / TTL (.*?)(?= SETTINGS |$)/.exec(String(row?.['engine_full']))?.[1] ?? '';
  };
  const count = async (): Promise<number> => {
    const [row] = await tests.rows(`SELECT count() AS n FROM ${table()}`);
    return Number(row?.['n']);
  };
  /** A version that was inserted so many days ago. */
  const insertedDaysAgo = async (days: number): Promise<void> => {
    await writerInto(tests.store).put(upsert(days, { conversation_id: `c${days}` }));
    await command(
      `INSERT INTO ${table()} SELECT * REPLACE (now() - INTERVAL ${days} DAY AS _ingested_at) FROM ${table()} WHERE conversation_id = 'c${days}' SETTINGS async_insert = 0`,
    );
    await command(`OPTIMIZE TABLE ${table()} FINAL`);
  };

  test('90 days change nothing; another retention is applied once', async () => {
    expect(await setUp({ retentionMs: 90 * DAY_MS })).toEqual([]);
    const wishes = { retentionMs: 400 * DAY_MS };
    expect(await setUp(wishes, true)).toEqual([
      'would apply: queue_conversation_history: kept 400 days (was 90 days)',
      'would apply: queue_conversation_lives: kept 431 days (was 121 days)',
      'would apply: queue_visit_state: kept 400 days (was 90 days)',
      'would apply: queue_visit_times: kept 431 days (was 121 days)',
    ]);
    expect(await setUp(wishes)).toHaveLength(4);
    expect(await ttlOf('queue_conversation_history')).toBe('_ingested_at + toIntervalSecond(34560000)');
    expect(await ttlOf('queue_conversation_lives')).toBe('_ingested_at + toIntervalSecond(37238400)');
    expect(await ttlOf('queue_visit_state')).toBe('_ingested_at + toIntervalSecond(34560000)');
    expect(await ttlOf('queue_visit_times')).toBe('_ingested_at + toIntervalSecond(37238400)');
    expect(await setUp(wishes)).toEqual([]);
  });

  test('a shorter one is refused where it would delete what is there, unless told', async () => {
    await insertedDaysAgo(40);
    await insertedDaysAgo(1);
    await expect(setUp({ retentionMs: 30 * DAY_MS })).rejects.toThrow(
      /HISTORY_RETENTION: 30 days would delete 1 versions of .*keeps them 90 days now.*--allow-data-loss/,
    );
    expect(await ttlOf('queue_conversation_history')).toBe('_ingested_at + toIntervalDay(90)');
    expect(await setUp({ retentionMs: 60 * DAY_MS })).toHaveLength(4);
    expect(await setUp({ retentionMs: 30 * DAY_MS, loss: 'allow' })).toHaveLength(4);
    expect(await count()).toBe(2);
  });

  test('rules of the operator stay, and a table without a rule gets one', async () => {
    await command(
      `ALTER TABLE ${table()} MODIFY TTL _ingested_at + INTERVAL 7 DAY RECOMPRESS CODEC(ZSTD(3)), _ingested_at + INTERVAL 90 DAY`,
    );
    await setUp({ retentionMs: 100 * DAY_MS });
    expect(await ttlOf('queue_conversation_history')).toBe(
      '_ingested_at + toIntervalDay(7) RECOMPRESS CODEC(ZSTD(3)), _ingested_at + toIntervalSecond(8640000)',
    );
    expect(await setUp({ retentionMs: 100 * DAY_MS })).toEqual([]);
    await command(`ALTER TABLE ${table()} REMOVE TTL`);
    expect(await setUp({ retentionMs: 100 * DAY_MS })).toEqual([
      'applied: queue_conversation_history: kept 100 days (was forever)',
    ]);
  });

  test('a storage policy that the server has not is refused with those that it has; the one in force changes nothing', async () => {
    await expect(setUp({ retentionMs: 90 * DAY_MS, storagePolicy: 'cold' })).rejects.toThrow(
      /CLICKHOUSE_STORAGE_POLICY: ClickHouse has no policy cold; its policies are default/,
    );
    expect(await setUp({ retentionMs: 90 * DAY_MS, storagePolicy: 'default' })).toEqual([]);
  });
});

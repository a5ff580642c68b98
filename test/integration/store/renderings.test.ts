import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Store } from '../../../src/store/client';
import { literal } from '../../../src/store/literal';
import { migrate } from '../../../src/store/migrations';
import { readMigrations } from '../../../src/store/sql-files';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';

/** Everything that setup would run in each kind of place, as ClickHouse's own parser reads it. */
let tests: TestStore;
beforeAll(async () => {
  tests = await storeForTests({ migrated: false });
});
afterAll(() => tests.close());

interface Place {
  readonly name: string;
  /** `CLICKHOUSE_CLUSTER`. */
  readonly cluster?: string;
  /** Of the database that is there already. */
  readonly databaseEngine?: string;
  readonly onCluster: boolean;
  readonly engines: 'plain' | 'replicated';
}

const PLACES: readonly Place[] = [
  { name: 'a single server', onCluster: false, engines: 'plain' },
  { name: 'a cluster of replicas', cluster: '{cluster}', onCluster: true, engines: 'replicated' },
  { name: 'a replicated database', databaseEngine: 'Replicated', onCluster: false, engines: 'replicated' },
  // A cluster's name does no harm where there is no cluster to be seen.
  {
    ...{ name: 'a replicated database of a cluster', databaseEngine: 'Replicated', cluster: 'main' },
    ...{ onCluster: false, engines: 'replicated' },
  },
  { name: 'ClickHouse Cloud', databaseEngine: 'Shared', onCluster: false, engines: 'plain' },
  {
    ...{ name: 'ClickHouse Cloud, a cluster named', databaseEngine: 'Shared', cluster: 'default' },
    ...{ onCluster: false, engines: 'plain' },
  },
];

/** What it makes its own of the MergeTree family, and what it takes as it is (docs: Cloud compatibility). */
const ENGINES = ['MergeTree', 'ReplacingMergeTree', 'AggregatingMergeTree'];

/** The store at a server whose database has the given engine; null: as it is. */
function clientAt({ client }: Store, databaseEngine: string | undefined): Store['client'] {
  if (databaseEngine === undefined) return client;
  const query = (asked: Parameters<typeof client.query>[0]) =>
    asked.query.includes('FROM system.databases')
      ? Promise.resolve({ json: () => Promise.resolve([{ engine: databaseEngine }]) })
      : client.query(asked);
  return Object.create(client, { query: { value: query } }) as typeof client;
}

/** Name → statement, on one line, in the spelling of ClickHouse's own parser. Rejects with its words. */
async function parsed({ cluster, databaseEngine }: Place): Promise<ReadonlyMap<string, string>> {
  const steps = await migrate(clientAt(tests.store, databaseEngine), {
    database: 'queuefold',
    dryRun: true,
    history: { retentionMs: 86_400_000, storagePolicy: 'default' },
    ...(cluster === undefined ? {} : { cluster }),
  });
  const formatted = steps.map(async ({ name, statement }): Promise<[string, string]> => {
    const [row] = await tests.rows(`SELECT formatQuerySingleLine(${literal(statement)}) AS sql`);
    return [name, String(row?.['sql'])];
  });
  return new Map(await Promise.all(formatted));
}

describe.each(PLACES)('what setup runs at $name', (place) => {
  let statements: ReadonlyMap<string, string>;
  beforeAll(async () => {
    statements = await parsed(place);
  });
  const all = (): string[] => [...statements.values()];

  test('is SQL: the database, the record, every file, and what comes after them', () => {
    expect([...statements.keys()]).toEqual([
      'database',
      '_migrations',
      ...readMigrations().map(({ name }) => name),
      expect.stringMatching(/^queue_conversation_history: kept/),
      expect.stringMatching(/^queue_conversation_lives: kept/),
      expect.stringMatching(/^queue_visit_state: kept/),
      expect.stringMatching(/^queue_visit_times: kept/),
      expect.stringMatching(/^queue_conversation_history: storage policy default/),
    ]);
  });

  test('reaches the whole cluster where there is one to be named, and names none elsewhere', () => {
    expect(all().filter((sql) => sql.includes('ON CLUSTER') !== place.onCluster)).toEqual([]);
    if (place.onCluster) expect(all()[0]).toContain(`ON CLUSTER \`${place.cluster}\``);
  });

  test('has engines that keep rows on every replica', () => {
    const engines = all().flatMap((sql) => /ENGINE = (\w+)/.exec(sql)?.[1] ?? []);
    expect(engines.length).toBeGreaterThan(5);
    const allowed = ENGINES.map((engine) => (place.engines === 'replicated' ? `Replicated${engine}` : engine));
    expect(engines.filter((engine) => !allowed.includes(engine))).toEqual([]);
    // Paths and replica names are the server's own: with macros of ours Cloud and Replicated databases refuse.
    expect(all().filter((sql) => /\{(shard|replica|uuid)\}|'\/clickhouse/.test(sql))).toEqual([]);
  });

  test('may be run again', () => {
    const forms =
      /^(CREATE (DATABASE|TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS|CREATE OR REPLACE VIEW|DROP VIEW IF EXISTS|ALTER TABLE .*(ADD COLUMN IF NOT EXISTS|MODIFY (TTL|SETTING)))/;
    expect(all().filter((sql) => !forms.test(sql))).toEqual([]);
  });
});

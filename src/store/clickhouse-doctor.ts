import { text } from 'node:stream/consumers';
import { check, failed, type Finding, type Findings, messageOf, ok, OperatorError, skipped, warning } from '../common';
import { checkStore, type Store } from './client';
import { codeOf, describeStoreError, UNKNOWN_DATABASE, UNKNOWN_TABLE } from './errors';
import { grantText, mergedGrants, SETUP_GRANTS, SINK_GRANTS, type Grant } from './grants';
import { migrate } from './migrations';
import { isNewEnough, OLDEST_VERSION } from './requirements';

export interface StoreCheckOptions {
  readonly store: Store;
  /** `CLICKHOUSE_CLUSTER`. */
  readonly cluster?: string;
}

const TRY_AGAIN = 'Try again.';
const NOT_ENOUGH_PRIVILEGES = 497;
const CLOCK_WARNING_MS = 2_000;
const CLOCK_FAILED_MS = 10_000;

/** Checks ClickHouse: version, clock, rights and tables. It changes nothing. */
export async function checkClickHouse({ store, cluster }: StoreCheckOptions): Promise<Findings> {
  const name = 'clickhouse';
  let version = '';
  const reached = await check({ name, remedy: TRY_AGAIN }, async () => {
    version = await checkStore(store);
    return checkVersion(store, version);
  });
  const others = ['clock', 'grants', 'migrations'] as const;
  if (version === '')
    return [...reached, ...others.map((one) => skipped(`clickhouse ${one}`, 'ClickHouse does not answer'))];
  const found = await Promise.all([
    check({ name: 'clickhouse clock', remedy: TRY_AGAIN }, () => checkClock(store)),
    check({ name: 'clickhouse grants', remedy: TRY_AGAIN }, () => checkGrants(store)),
    check({ name: 'clickhouse migrations', remedy: null }, () => checkMigrations(store, cluster)),
  ]);
  return [...reached, ...found.flat()];
}

function checkVersion({ where }: Store, version: string): Finding {
  const detail = `version ${version} answers at ${where}`;
  if (isNewEnough(version)) return ok('clickhouse', detail);
  return failed('clickhouse', detail, `Upgrade ClickHouse: queuefold needs ${OLDEST_VERSION} or later.`);
}

async function checkClock({ client }: Store): Promise<Finding> {
  const name = 'clickhouse clock';
  const sentAt = Date.now();
  const result = await client.query({
    query: 'SELECT toString(toUnixTimestamp64Milli(now64(3))) AS now',
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ now: string }>();
  const aheadMs = Number(row?.now ?? NaN) - (sentAt + Date.now()) / 2;
  const offMs = Math.abs(aheadMs);
  const detail = `this clock is ${(offMs / 1_000).toFixed(1)} s ${aheadMs > 0 ? 'behind' : 'ahead of'} that of ClickHouse`;
  const remedy =
    'Synchronize both machines (chrony, ntpd). Otherwise the waiting times in queue_live are wrong by the difference.';
  if (offMs >= CLOCK_FAILED_MS) return failed(name, detail, remedy);
  return offMs >= CLOCK_WARNING_MS ? warning(name, detail, remedy) : ok(name, detail);
}

/** The rights of the sink and of setup, each in the form in which a server checks it. */
async function checkGrants(store: Store): Promise<Findings> {
  const name = 'clickhouse grants';
  const [sink, setup] = await Promise.all([missingOf(store, SINK_GRANTS), missingOf(store, SETUP_GRANTS)]);
  if (sink === null || setup === null) return [skipped(name, 'this server does not know CHECK GRANT')];
  const give = (missing: readonly Grant[]) => missing.map((one) => `${grantText(one, store.database)} TO …`).join('; ');
  const listed = (missing: readonly Grant[]) => missing.map(({ privileges }) => privileges.join(', ')).join(', ');
  if (sink.length > 0) return [failed(name, `the sink lacks ${listed(sink)}`, give(mergedGrants([...sink, ...setup])))];
  if (setup.length > 0) {
    const detail = `the sink has its grants; \`queuefold setup\` lacks ${listed(setup)}`;
    return [warning(name, detail, `${give(setup)}, or run setup as another user.`)];
  }
  return [ok(name, `the sink and setup have all that they need on ${store.database}`)];
}

/** The rights that this user lacks; null: the server does not know the question. */
async function missingOf({ client, database }: Store, grants: readonly Grant[]): Promise<readonly Grant[] | null> {
  const missing: Grant[] = [];
  for (const { table, privileges } of grants) {
    for (const privilege of privileges) {
      const one = { table, privileges: [privilege] };
      try {
        // `client.query` would add a format, which this statement does not take.
        const { stream } = await client.exec({ query: grantText(one, database).replace('GRANT', 'CHECK GRANT') });
        if ((await text(stream)).trim() === '0') missing.push(one);
      } catch (error) {
        if (codeOf(error) === null) throw error;
        if (codeOf(error) !== NOT_ENOUGH_PRIVILEGES) return null;
        missing.push(one);
      }
    }
  }
  return mergedGrants(missing);
}

async function checkMigrations({ client, database }: Store, cluster: string | undefined): Promise<Finding> {
  const name = 'clickhouse migrations';
  try {
    const steps = await migrate(client, { database, dryRun: true, ...(cluster === undefined ? {} : { cluster }) });
    const pending = steps.filter(({ outcome }) => outcome !== 'unchanged').map((step) => step.name);
    if (pending.length > 0)
      return failed(name, `not applied to ${database}: ${pending.join(', ')}`, 'Run `queuefold setup`.');
    return ok(name, `all ${steps.filter((step) => step.name.endsWith('.sql')).length} are applied to ${database}`);
  } catch (error) {
    if (error instanceof OperatorError) return failed(name, messageOf(error), null);
    const code = codeOf(error);
    if (code === null || code === UNKNOWN_TABLE || code === UNKNOWN_DATABASE) throw error;
    const grant = /necessary to have the grant (.+?) ON (\S+?)\.? ?(?:\(|$)/.exec(describeStoreError(error));
    return failed(
      name,
      describeStoreError(error),
      grant === null ? null : `GRANT ${grant[1] ?? ''} ON ${grant[2] ?? ''} TO …`,
    );
  }
}

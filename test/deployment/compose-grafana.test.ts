import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { packageRoot } from '../../src/common';
import { connectStore, migrate, type Store } from '../../src/store';
import { clickHouseProcess, type ClickHouseProcess } from '../support/clickhouse/clickhouse-process';
import { asGrafanaSends, dashboards } from '../support/monitoring/monitoring';

const compose = parse(readFileSync(join(packageRoot(), 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, { readonly environment?: Readonly<Record<string, string>> }>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
};
const users = compose.configs['clickhouse-grafana']?.content ?? '';
const source = (
  parse((compose.configs['grafana-datasources']?.content ?? '').replaceAll('$$', '$')) as {
    readonly datasources: readonly {
      readonly name: string;
      readonly jsonData?: { readonly username: string };
      readonly secureJsonData?: { readonly password: string };
    }[];
  }
).datasources.find(({ name }) => name === 'ClickHouse');

describe('Grafana’s data source of ClickHouse', () => {
  test('has a user of its own, with the password that ClickHouse has for it', () => {
    const [, name] = /<users>\s*<(\w+)>/.exec(users) ?? [];
    const [, variable = ''] = /from_env="(\w+)"/.exec(users) ?? [];
    expect([source?.jsonData?.username, source?.secureJsonData?.password]).toEqual([name, `$${variable}`]);
    const passwords = ['clickhouse', 'grafana'].map((service) => compose.services[service]?.environment?.[variable]);
    expect(passwords[0]).toBeDefined();
    expect(passwords[1]).toBe(passwords[0]);
    const roles = Object.values(compose.services).map(({ environment = {} }) => environment['CLICKHOUSE_USERNAME']);
    expect(roles.filter((user) => user !== undefined)).not.toContain(name);
    expect(compose.services['grafana']?.environment).not.toHaveProperty('CLICKHOUSE_PASSWORD');
  });

  test('cannot turn its reading off', () => {
    expect(users).toMatch(/<profiles>\s*<grafana>\s*<readonly>2<\/readonly>/);
    expect(users).toContain('<profile>grafana</profile>');
  });

  describe('may', () => {
    const folder = mkdtempSync(join(tmpdir(), 'queuefold-grafana-'));
    const database = 'queuefold';
    let server: ClickHouseProcess | undefined;
    let store: Store;

    beforeAll(async () => {
      const setup = await clickHouseProcess(folder);
      const own = connectStore({ url: setup.url, username: 'default', password: '', database });
      await migrate(own.client, { database, dryRun: false });
      await own.close();
      await setup.stop();
      const grants = [...users.matchAll(/<query>(.*?)<\/query>/g)].map(([, grant = '']) => grant);
      server = await clickHouseProcess(folder, 'read-write', 0, grants);
      store = connectStore({ url: server.url, username: 'default', password: '', database });
    });
    afterAll(async () => {
      await store.close();
      await server?.stop();
      rmSync(folder, { recursive: true });
    });
    const ask = async (query: string) => (await store.client.query({ query, format: 'JSONEachRow' })).json();

    const queries = dashboards().flatMap(({ file, targets }) => (file.startsWith('queue') ? targets : []));
    test.each(queries)('read what “$panel” shows', async ({ query }) => {
      await expect(ask(asGrafanaSends(query, database, ['Queue']))).resolves.toBeInstanceOf(Array);
    });

    test.each([
      `INSERT INTO ${database}.names (id) VALUES ('x')`,
      `DROP TABLE ${database}.names`,
      `CREATE TABLE ${database}.x (a Int8) ENGINE = Memory`,
      `ALTER TABLE ${database}.names DELETE WHERE 1`,
      `SELECT * FROM file('/etc/passwd', LineAsString)`,
      `SELECT * FROM url('http://127.0.0.1:9/', LineAsString)`,
    ])('not %s', async (statement) => {
      await expect(store.client.command({ query: statement })).rejects.toThrow(/privileges|ACCESS_DENIED/);
    });
  });
});

test('no default password of compose is a word that doctor would mask elsewhere', () => {
  const text = readFileSync(join(packageRoot(), 'docker-compose.yml'), 'utf8');
  const defaults = [...text.matchAll(/\$\{\w*PASSWORD:-([^}]*)\}/g)].map(([, fallback = '']) => fallback);
  expect(defaults.length).toBeGreaterThan(3);
  const others = text.replaceAll(/\$\{\w*PASSWORD:-[^}]*\}/g, '');
  for (const fallback of defaults) {
    expect(fallback.length).toBeGreaterThan(10);
    expect(others).not.toContain(fallback);
  }
});

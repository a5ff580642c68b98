import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { parse } from 'yaml';
import { packageRoot } from '../../src/common';
import { configOfContainer } from '../support/deployment/container-config';
import { kafkaForTests, registryForTests } from '../support/services/services';

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly read_only?: boolean;
  readonly stop_grace_period?: string;
}

const { services } = parse(readFileSync(join(packageRoot(), 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
};
const all = Object.entries(services);
const ours = all.filter(([, { build }]) => build !== undefined);
const folder = mkdtempSync(join(tmpdir(), 'queuefold-compose-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** `${NAME:-value}` as compose reads it with these variables. */
function interpolated(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, fallback: string) => variables[name] ?? fallback);
}

describe('docker-compose.yml', () => {
  test.each(ours)('%s has settings that the program knows and accepts', (_, { command = [], environment = {} }) => {
    const mine = { GENESYS_REGION: 'mypurecloud.ie', GENESYS_CLIENT_ID: 'some-client' };
    const env = Object.entries(environment).map(([name, value]) => [name, interpolated(value, mine)]);
    const config = configOfContainer(command[0] ?? '', Object.fromEntries(env) as Record<string, string>, folder);
    expect(config.topics.replicationFactor).toBe(command[0] === 'simulate' ? 3 : 1);
  });

  test('opens no port to other machines', () => {
    const ports = all.flatMap(([, service]) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(5);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
  });

  test('checks the health of everything that keeps running', () => {
    const unchecked = all.filter(([, { healthcheck }]) => healthcheck?.test === undefined).map(([name]) => name);
    const disabled = all.filter(([, { healthcheck }]) => healthcheck?.disable === true).map(([name]) => name);
    expect([unchecked, disabled]).toEqual([['setup'], ['setup']]);
  });

  test('starts the roles when setup has made what they need, and setup when the servers answer', () => {
    const conditions = (name: string) =>
      Object.entries(services[name]?.depends_on ?? {}).map(([on, { condition }]) => `${on} ${condition}`);
    expect(conditions('setup').sort()).toEqual([
      'clickhouse service_healthy',
      'kafka service_healthy',
      'registry service_healthy',
    ]);
    for (const role of ['bridge', 'simulated-bridge', 'fold', 'sink', 'board']) {
      expect(conditions(role)).toContain('setup service_completed_successfully');
    }
  });

  test('has one source in each profile, and what watches is a profile of its own', () => {
    const inProfile = (profile: string) =>
      all.filter(([, { profiles }]) => profiles?.includes(profile)).map(([name]) => name);
    expect(inProfile('genesys')).toEqual(['bridge', 'board']);
    expect(inProfile('demo')).toEqual(['simulator', 'simulated-bridge', 'board']);
    expect(inProfile('observability')).toEqual(['prometheus', 'grafana']);
  });

  test('gives the program a read-only file system, and longer to stop than it takes', () => {
    expect(ours.map(([name, { read_only, stop_grace_period }]) => [name, read_only, stop_grace_period])).toEqual(
      ours.map(([name]) => [name, true, '30s']),
    );
  });

  test('gives the broker settings that Kafka knows', async () => {
    const admin = new Kafka({ ...(await kafkaForTests()), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    const name = String(brokers[0]?.nodeId);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.BROKER, name }],
    });
    await admin.disconnect();
    const known = new Set(resources[0]?.configEntries.map(({ configName }) => configName));
    // As the image reads them.
    const given = Object.keys(services['kafka']?.environment ?? {})
      .filter((variable) => variable.startsWith('KAFKA_'))
      .map((variable) => variable.replace('KAFKA_', '').toLowerCase().replaceAll('_', '.'));
    expect(given.length).toBeGreaterThan(15);
    expect(given.filter((setting) => !known.has(setting))).toEqual([]);
  });

  test('knows a registry that answers from one that does not', async () => {
    const [, program = '', ...args] = services['registry']?.healthcheck?.test ?? [];
    const { hostname, port } = new URL((await registryForTests()).url);
    const check = (place: string) => {
      const there = args.map((word) => word.replaceAll('$$', '$').replace('127.0.0.1/8080', place));
      return promisify(execFile)(program, there).then(
        () => 'healthy',
        () => 'unhealthy',
      );
    };
    expect([await check(`${hostname}/${port}`), await check(`${hostname}/1`)]).toEqual(['healthy', 'unhealthy']);
  });

  test('mounts what is there', () => {
    const mounted = all.flatMap(([, { volumes = [] }]) => volumes).filter((volume) => volume.startsWith('./'));
    expect(mounted).toEqual([
      './helm/queuefold/rules:/etc/prometheus/rules:ro',
      './helm/queuefold/dashboards:/var/lib/grafana/dashboards:ro',
    ]);
    expect(mounted.filter((volume) => !existsSync(join(packageRoot(), volume.split(':')[0] ?? '')))).toEqual([]);
  });
});

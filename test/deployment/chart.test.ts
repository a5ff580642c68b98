import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { parse } from 'yaml';
import { packageRoot } from '../../src/common';
import { SETTING_KEYS, SETTINGS } from '../../src/config';
import { topicDefinitions, topicNames } from '../../src/log';
import { CHART, chartReadme, chartSchema, chartSettings } from '../support/deployment/chart-files';
import { configOfContainer, sampleSecret } from '../support/deployment/container-config';
import {
  CI_VALUES,
  environmentOf,
  helmTemplate,
  manifestsOf,
  podsOf,
  valuesFile,
  type Manifest,
} from '../support/deployment/helm';
import { toolPath } from '../support/deployment/tools';
import { typeErrors } from '../support/deployment/type-check';

// The tools are fetched once on a machine.
jest.setTimeout(600_000);

const folder = mkdtempSync(join(tmpdir(), 'queuefold-chart-'));
const rendered = new Map<string, readonly Manifest[]>();

beforeAll(async () => {
  for (const name of CI_VALUES) {
    const text = await helmTemplate('helm4', ['--values', valuesFile(name)]);
    writeFileSync(join(folder, `${name}.yaml`), text);
    rendered.set(name, manifestsOf(text));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const SECRETS: ReadonlySet<string> = new Set(SETTING_KEYS.filter((key) => SETTINGS[key].secret));
const PROBES = ['CKV_K8S_8', 'CKV_K8S_9'];
const HIGH_UID = 'CKV_K8S_40';
const render = (name: string): readonly Manifest[] => rendered.get(name) ?? [];
const read = (name: string) => readFileSync(join(CHART, name), 'utf8');
const withDefaults = (...set: readonly string[]) =>
  helmTemplate('helm4', ['--values', valuesFile('default'), ...set.flatMap((value) => ['--set', value])]);

describe('what follows from the program', () => {
  test('is as `npm run chart` writes it', () => {
    expect(parse(read('settings.yaml'))).toEqual(chartSettings());
    expect(JSON.parse(read('values.schema.json'))).toEqual(chartSchema());
    expect(read('README.md')).toBe(chartReadme());
  });

  test('the version is the program’s', () => {
    const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
    expect(parse(read('Chart.yaml'))).toMatchObject({ version, appVersion: version });
  });
});

describe.each(CI_VALUES)('with ci/%s-values.yaml', (name) => {
  test('Helm 3 renders what Helm 4 renders, and both find nothing to complain about', async () => {
    const byName = (manifests: readonly Manifest[]) =>
      Object.fromEntries(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest]));
    const old = manifestsOf(await helmTemplate('helm3', ['--values', valuesFile(name)]));
    expect(old.length).toBeGreaterThan(5);
    expect(byName(old)).toEqual(byName(render(name)));
    for (const helm of ['helm3', 'helm4'] as const) {
      await promisify(execFile)(toolPath(helm), ['lint', '--strict', CHART, '--values', valuesFile(name)]);
    }
  });

  test('every container has settings that the program knows and accepts, and no secret in its environment', () => {
    const manifests = render(name);
    for (const { of, replicas, spec } of podsOf(manifests)) {
      for (const container of spec.containers) {
        for (let ordinal = 0; ordinal < replicas; ordinal += 1) {
          const env = environmentOf(container, manifests, { ordinal, secret: sampleSecret });
          const config = configOfContainer(container.args[0] ?? '', env, join(folder, 'secrets'));
          const { index, count } = config.genesys.shard;
          expect({ of, index }).toEqual({ of, index: (ordinal + count - 1) % count });
          expect(Object.keys(env).filter((key) => SECRETS.has(key))).toEqual([]);
        }
      }
    }
  });

  test('every file that a setting names is mounted from an existing Secret', () => {
    for (const { spec } of podsOf(render(name))) {
      const mounted = (spec.volumes ?? []).flatMap(({ projected }) =>
        (projected?.sources ?? []).flatMap(({ secret }) =>
          secret.items.map(({ path }) => `/run/secrets/queuefold/${path}`),
        ),
      );
      const named = spec.containers.flatMap(({ env = [] }) =>
        env.flatMap(({ value }) => (value?.startsWith('/run/secrets/') === true ? [value] : [])),
      );
      expect(named.sort()).toEqual(mounted.sort());
    }
  });

  test('a pod has longer to end than the program gives itself', () => {
    const [, deadline] =
      /STOP_DEADLINE_MS = ([\d_]+)/.exec(readFileSync(join(packageRoot(), 'src/cli/execute.ts'), 'utf8')) ?? [];
    const deadlineSeconds = Number(deadline?.replaceAll('_', '')) / 1000;
    for (const { spec } of podsOf(render(name)))
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(2 * deadlineSeconds);
  });
});

describe('the manifests', () => {
  test('are of their types, by the schemas of Kubernetes and of the operators', () => {
    expect(typeErrors(rendered)).toEqual([]);
  });

  test('… and a field that there is not would be found', () => {
    const [deployment] = render('default').filter(({ kind }) => kind === 'Deployment');
    const wrong = { ...deployment, spec: { ...(deployment?.spec as object), replicaz: 2 } } as Manifest;
    expect(typeErrors(new Map([['wrong', [wrong]]])).join('\n')).toMatch(/replicaz.* does not exist in type/);
  });

  test('pass the policies of checkov', async () => {
    const config = join(packageRoot(), 'test', 'deployment', 'checkov.yaml');
    const command = ['--directory', folder, '--config-file', config, '--output', 'json'];
    const run = promisify(execFile)(toolPath('checkov'), command, { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
    const { stdout } = await run.catch((error: unknown) => error as { readonly stdout: string });
    const { summary, results } = JSON.parse(stdout) as {
      readonly summary: { readonly passed: number };
      readonly results: {
        readonly failed_checks: readonly Readonly<
          Record<'check_id' | 'check_name' | 'resource' | 'file_path', string>
        >[];
      };
    };
    const failed = results.failed_checks
      // Probes are for what goes on running.
      .filter(({ check_id, resource }) => !(PROBES.includes(check_id) && resource.endsWith('-doctor')))
      // There the cluster chooses the user.
      .filter(({ check_id, file_path }) => !(check_id === HIGH_UID && file_path.endsWith('eventbridge.yaml')))
      .map(({ check_id, check_name, resource }) => `${check_id} ${resource}: ${check_name}`);
    expect(failed).toEqual([]);
    expect(summary.passed).toBeGreaterThan(100);
  });
});

describe('values', () => {
  test.each([
    ['an unknown key', 'setings.A=1', 'setings'],
    ['an unknown setting', 'settings.KAFKA_BROKER=kafka:9092', 'KAFKA_BROKER'],
    ['a setting that the chart gives itself', 'settings.HTTP_PORT=80', 'HTTP_PORT'],
    ['a secret as plain text', 'settings.GENESYS_CLIENT_SECRET=abc', 'GENESYS_CLIENT_SECRET'],
    ['a secret without its key', 'secrets.KAFKA_SASL_PASSWORD.name=kafka', 'key'],
    ['an unknown key of a role', 'fold.replica=3', 'replica'],
    ['a wrong type', 'bridge.shards=many', 'shards'],
    ['an unknown way of scaling', 'sink.autoscaling.by=magic', 'autoscaling'],
    [
      'more replicas than partitions',
      'settings.PARTITIONS=4,fold.autoscaling.by=hpa',
      'fold.autoscaling.maxReplicas: 6',
    ],
    ['fewer replicas at most than at least', 'sink.autoscaling.by=hpa,sink.autoscaling.maxReplicas=1', 'minReplicas'],
    ['topics of no cluster', 'strimzi.enabled=true', 'strimzi.cluster: not set'],
  ])('%s is refused', async (_, set, named) => {
    await expect(withDefaults(set)).rejects.toThrow(named);
  });

  test.each(['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'CLICKHOUSE_URL'])('%s has to be given', async (key) => {
    await expect(withDefaults(`settings.${key}=`)).rejects.toThrow(`settings.${key}: not set`);
  });

  test('without a sink nothing needs ClickHouse', async () => {
    const manifests = manifestsOf(await withDefaults('settings.CLICKHOUSE_URL=', 'sink.enabled=false'));
    expect(podsOf(manifests).map(({ of }) => of)).toContain('Job live-queuefold-setup');
  });

  test('numbers arrive as they were written', () => {
    const bridge = render('large').find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith('-bridge'),
    );
    expect(bridge?.data).toMatchObject({
      LIMIT_SNAPSHOT_BYTES: '2097152',
      PARTITIONS: '24',
      TRACE_RATIO: '0.25',
      KAFKA_SSL: 'true',
    });
  });

  test('two bridges on each of three shares keep to the channels of one OAuth client', () => {
    const manifests = render('large');
    const bridge = podsOf(manifests).find(({ of }) => of === 'StatefulSet live-queuefold-bridge');
    const [container] = bridge?.spec.containers ?? [];
    const env =
      container === undefined ? {} : environmentOf(container, manifests, { ordinal: 4, secret: sampleSecret });
    const { shard, channels } = configOfContainer('bridge', env, join(folder, 'secrets')).genesys;
    expect([bridge?.replicas, shard, channels]).toEqual([6, { index: 0, count: 3 }, 3]);
  });

  test('alerts and dashboards are those of the folders, word for word', () => {
    const files = (name: string) => readdirSync(join(CHART, name)).filter((file) => /\.(yaml|json)$/.test(file));
    const groups = files('rules').flatMap((file) => (parse(read(join('rules', file))) as { groups: unknown[] }).groups);
    const rule = render('large').find(({ kind }) => kind === 'PrometheusRule');
    expect(rule?.spec).toEqual({ groups });
    const dashboards = render('large').find(({ metadata }) => metadata.name === 'live-queuefold-dashboards');
    const texts = files('dashboards').map((file) => [file, read(join('dashboards', file))]);
    expect(dashboards?.data).toEqual(Object.fromEntries(texts));
  });

  test('Strimzi makes the topics that setup would make', () => {
    const topics = render('large').filter(({ kind }) => kind === 'KafkaTopic');
    const made = topics.map(({ spec }) => {
      const { topicName: topic, ...rest } = spec as { readonly topicName: string };
      return { topic, ...rest };
    });
    const wanted = topicDefinitions(topicNames('genesys'), 2).map(({ topic, config, partitions = 24 }) => ({
      topic,
      partitions,
      replicas: 3,
      config,
    }));
    expect(made.sort(byTopic)).toEqual(wanted.sort(byTopic));
  });
});

function byTopic(one: { readonly topic: string }, other: { readonly topic: string }): number {
  return one.topic < other.topic ? -1 : 1;
}

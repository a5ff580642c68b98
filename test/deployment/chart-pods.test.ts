import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { helmTemplate, manifestsOf, podsOf, renderedWith, valuesFile, type Manifest } from '../support/deployment/helm';
import { kubeApi } from '../support/deployment/kube-api';

// The tools are fetched once on a machine.
jest.setTimeout(600_000);

const folder = mkdtempSync(join(tmpdir(), 'queuefold-chart-pods-'));
afterAll(() => rmSync(folder, { recursive: true }));

const podOf = (manifests: readonly Manifest[], role: string) => {
  const pod = podsOf(manifests).find(({ spec }) => spec.containers.some(({ args }) => args[0] === role));
  if (pod === undefined) throw new Error(`${role}: no pod`);
  return pod;
};
const ROLES = ['bridge', 'fold', 'sink', 'setup', 'doctor'];

describe.each(['helm3', 'helm4'] as const)('users and groups with %s', (helm) => {
  const idsWith = async (podSecurityContext: object) => {
    const manifests = await renderedWith({ podSecurityContext }, helm);
    return podsOf(manifests).map(({ spec: { securityContext } }) => securityContext);
  };
  const always = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };

  test('are the image’s', async () => {
    const ids = { runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001 };
    expect(await idsWith({})).toEqual(ROLES.map(() => ({ ...always, ...ids })));
  });

  test('can be others', async () => {
    const ids = { runAsUser: 1000730000, runAsGroup: 0, fsGroup: 1000730000 };
    expect(await idsWith(ids)).toEqual(ROLES.map(() => ({ ...always, ...ids })));
    await expect(idsWith({ ...ids, runAsUser: 0 })).rejects.toThrow('runAsUser');
  });

  test('can be left to the cluster', async () => {
    const none = { runAsUser: null, runAsGroup: null, fsGroup: null };
    expect(await idsWith(none)).toEqual(ROLES.map(() => always));
  });
});

describe('environment and volumes', () => {
  const certificates = { name: 'certificates', configMap: { name: 'certificates' } };
  const mount = { name: 'certificates', mountPath: '/etc/certificates' };

  test('come to every pod, and those of a role on top', async () => {
    const manifests = await renderedWith({
      env: [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=700' }],
      volumes: [certificates],
      volumeMounts: [mount],
      sink: { env: [{ name: 'TZ', value: 'UTC' }] },
    });
    for (const role of ROLES) {
      const { containers, volumes = [] } = podOf(manifests, role).spec;
      expect(volumes).toContainEqual(certificates);
      expect(containers[0]?.volumeMounts).toContainEqual(mount);
      const names = (containers[0]?.env ?? [])
        .map(({ name }) => name)
        .filter((name) => /^(NODE_OPTIONS|TZ)$/.test(name));
      expect([role, ...names]).toEqual([role, 'NODE_OPTIONS', ...(role === 'sink' ? ['TZ'] : [])]);
    }
  });

  test.each(['KAFKA_BROKERS', 'GENESYS_CLIENT_SECRET_FILE', 'SHARD', 'HTTP_PORT'])(
    '%s is no such variable',
    async (name) => {
      await expect(renderedWith({ env: [{ name, value: '1' }] })).rejects.toThrow(`env: ${name}: a setting`);
    },
  );

  test('HTTP_HOST is a setting; without it both families are served', async () => {
    const data = async (settings: object) =>
      (await renderedWith({ settings })).find(
        ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith('-fold'),
      )?.data?.['HTTP_HOST'];
    expect([await data({}), await data({ HTTP_HOST: '0.0.0.0' })]).toEqual([undefined, '0.0.0.0']);
  });

  // test/e2e/wiring/ipv6.test.ts: a role with `::` answers there.
  test('probes ask the pod’s own address, of whatever family: none names a host', async () => {
    const manifests = await renderedWith({});
    for (const role of ['bridge', 'fold', 'sink']) {
      const { startupProbe, livenessProbe, readinessProbe } = podOf(manifests, role).spec.containers[0] ?? {};
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
        expect([role, Object.keys(probe?.httpGet ?? {}).sort()]).toEqual([role, ['path', 'port']]);
      }
    }
  });
});

describe('service accounts', () => {
  const namesOf = (manifests: readonly Manifest[]) =>
    Object.fromEntries(ROLES.map((role) => [role, podOf(manifests, role).spec.serviceAccountName]));
  const madeOf = (manifests: readonly Manifest[]) => manifests.filter(({ kind }) => kind === 'ServiceAccount');

  test('are the namespace’s default, or an existing one', async () => {
    const [none, named] = [await renderedWith({}), await renderedWith({ serviceAccount: { name: 'mine' } })];
    expect([madeOf(none), new Set(Object.values(namesOf(none)))]).toEqual([[], new Set([undefined])]);
    expect([madeOf(named), new Set(Object.values(namesOf(named)))]).toEqual([[], new Set(['mine'])]);
  });

  test('are made with their annotations, and one for setup before it runs', async () => {
    const annotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/queuefold' };
    const manifests = await renderedWith({ serviceAccount: { create: true, annotations } });
    const own = 'live-queuefold';
    expect(namesOf(manifests)).toEqual({ bridge: own, fold: own, sink: own, doctor: own, setup: `${own}-setup` });
    const made = madeOf(manifests).map(({ metadata }) => [metadata.name, metadata.annotations ?? {}]);
    expect(Object.fromEntries(made)).toEqual({
      [own]: annotations,
      [`${own}-setup`]: expect.objectContaining({ ...annotations, 'helm.sh/hook': 'pre-install,pre-upgrade' }),
    });
  });
});

test('setup ends before Helm stops waiting for it', async () => {
  const job = async (values: object) => (await renderedWith(values)).find(({ kind }) => kind === 'Job')?.spec;
  const helmWaitsSeconds = 300;
  const { activeDeadlineSeconds } = (await job({})) as { readonly activeDeadlineSeconds: number };
  expect(activeDeadlineSeconds).toBeLessThan(helmWaitsSeconds);
  expect(await job({ setup: { deadlineSeconds: 900 } })).toMatchObject({ activeDeadlineSeconds: 900 });
});

describe('the bridge', () => {
  test('of one share is a Deployment, which replaces a pod on a lost node after a minute', async () => {
    const bridge = podOf(await renderedWith({}), 'bridge');
    expect([bridge.of, bridge.replicas]).toEqual(['Deployment live-queuefold-bridge', 1]);
    expect(bridge.spec.containers[0]?.env?.map(({ name }) => name)).not.toContain('SHARD');
    expect(bridge.spec).toMatchObject({
      tolerations: ['unreachable', 'not-ready'].map((state) => ({
        key: `node.kubernetes.io/${state}`,
        tolerationSeconds: 60,
      })),
    });
  });

  test('of one share has as many copies as the values say, which share the channels out', async () => {
    const manifests = await renderedWith({ bridge: { copies: 2 } });
    expect(podOf(manifests, 'bridge').replicas).toBe(2);
    const config = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith('-bridge'));
    expect(config?.data).toMatchObject({ GENESYS_CHANNELS: '9' });
  });

  test('of several shares is a StatefulSet, whose ordinals say which is whose', async () => {
    const bridge = podOf(await renderedWith({ bridge: { shards: 2 } }), 'bridge');
    expect([bridge.of, bridge.replicas]).toEqual(['StatefulSet live-queuefold-bridge', 2]);
    // Kubernetes fills in only what stands before.
    expect(bridge.spec.containers[0]?.env?.slice(0, 2)).toEqual([
      { name: 'POD_INDEX', valueFrom: { fieldRef: { fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']" } } },
      { name: 'SHARD', value: '$(POD_INDEX)/2' },
    ]);
  });
});

describe.each(['helm3', 'helm4'] as const)('autoscaling with %s', (helm) => {
  const replicasWith = async (deployed: Readonly<Record<string, number>>) => {
    const api = await kubeApi(deployed, folder);
    try {
      const flags = [
        '--values',
        valuesFile('autoscaling'),
        '--dry-run=server',
        '--disable-openapi-validation',
        '--kubeconfig',
        api.config,
      ];
      const manifests = manifestsOf(await helmTemplate(helm, flags));
      const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
      return Object.fromEntries(
        deployments.map(({ metadata, spec }) => [metadata.name, (spec as { readonly replicas?: number }).replicas]),
      );
    } finally {
      await api.stop();
    }
  };

  test('that is switched on keeps as many replicas as there are', async () => {
    const replicas = await replicasWith({ 'live-queuefold-fold': 5, 'live-queuefold-sink': 3 });
    expect(replicas).toMatchObject({ 'live-queuefold-fold': 5, 'live-queuefold-sink': 3 });
  });

  test('says nothing of replicas where there are none yet', async () => {
    const replicas = await replicasWith({});
    expect([replicas['live-queuefold-fold'], replicas['live-queuefold-sink']]).toEqual([undefined, undefined]);
  });
});

describe('the board', () => {
  const secrets = { BOARD_PASSWORD: { name: 'board', key: 'password' } };
  const tls = { enabled: true, host: 'board.example', tlsSecret: 'board-tls' };

  test('is not there unless it is wanted', async () => {
    expect(JSON.stringify(await renderedWith({}))).not.toContain('live-queuefold-board');
  });

  test('gets its password as a file, its flags, probes of its own, and a Service', async () => {
    const manifests = await renderedWith({ secrets, board: { enabled: true, timeZone: 'Europe/Berlin' } });
    const [container] = podOf(manifests, 'board').spec.containers;
    expect(container?.args).toEqual([
      'board',
      ...['--host=::', '--target-seconds=20', '--short-abandon-seconds=5', '--time-zone=Europe/Berlin'],
    ]);
    expect(container?.env).toContainEqual({
      name: 'BOARD_PASSWORD_FILE',
      value: '/run/secrets/queuefold/BOARD_PASSWORD',
    });
    expect(container).toMatchObject({
      ports: [
        { name: 'http', containerPort: 9464 },
        { name: 'board', containerPort: 8090 },
      ],
      readinessProbe: { httpGet: { path: '/health/ready', port: 'http' } },
    });
    const page = manifests.find(({ metadata }) => metadata.name === 'live-queuefold-board-page');
    expect(page?.spec).toMatchObject({ ports: [{ port: 80, targetPort: 'board' }] });
    expect(manifests.filter(({ kind }) => kind === 'Ingress')).toEqual([]);
  });

  test('does not start where everybody in the cluster could look', async () => {
    await expect(renderedWith({ board: { enabled: true } })).rejects.toThrow('secrets.BOARD_PASSWORD: not set');
    const manifests = await renderedWith({ board: { enabled: true, proxyHeader: 'X-Forwarded-User' } });
    expect(podOf(manifests, 'board').spec.containers[0]?.args).toContain('--proxy-header=X-Forwarded-User');
  });

  test('has an Ingress with TLS, and none without', async () => {
    const [ingress] = (await renderedWith({ secrets, board: { enabled: true, ingress: tls } })).filter(
      ({ kind }) => kind === 'Ingress',
    );
    expect(ingress?.spec).toMatchObject({
      tls: [{ hosts: ['board.example'], secretName: 'board-tls' }],
      rules: [{ host: 'board.example' }],
    });
    for (const left of ['host', 'tlsSecret'] as const) {
      const values = { secrets, board: { enabled: true, ingress: { ...tls, [left]: '' } } };
      await expect(renderedWith(values)).rejects.toThrow(`board.ingress.${left}: not set`);
    }
  });
});

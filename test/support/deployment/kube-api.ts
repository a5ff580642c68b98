import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface KubeApi {
  /** For KUBECONFIG. */
  readonly config: string;
  stop(): Promise<void>;
}

/** Helm takes over only objects that belong to it. */
const OF_THE_RELEASE = {
  labels: { 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: { 'meta.helm.sh/release-name': 'live', 'meta.helm.sh/release-namespace': 'contact-centre' },
};

/** The chart's kinds, by group and version: Helm looks each up. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  v1: ['ConfigMap', 'Pod', 'Service', 'ServiceAccount'],
  'apps/v1': ['Deployment', 'StatefulSet'],
  'autoscaling/v2': ['HorizontalPodAutoscaler'],
  'batch/v1': ['Job'],
  'networking.k8s.io/v1': ['NetworkPolicy'],
  'policy/v1': ['PodDisruptionBudget'],
};

function discovery(): Readonly<Record<string, unknown>> {
  const lists = Object.entries(KINDS).map(([groupVersion, kinds]) => {
    const resources = kinds.map((kind) => {
      const name = kind.toLowerCase().replace(/y$/, 'ie');
      return { name: `${name}s`, singularName: '', namespaced: true, kind, verbs: ['get', 'list'] };
    });
    const path = groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
    return [path, { kind: 'APIResourceList', groupVersion, resources }] as const;
  });
  const groups = Object.keys(KINDS).flatMap((groupVersion) => {
    const [name, version] = groupVersion.split('/');
    const only = { groupVersion, version };
    return version === undefined ? [] : [{ name, versions: [only], preferredVersion: only }];
  });
  return {
    '/version': { major: '1', minor: '33', gitVersion: 'v1.33.0' },
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups },
    ...Object.fromEntries(lists),
  };
}

/**
 * A Kubernetes API on loopback with Deployments and nothing else, as far as Helm's `lookup` needs it.
 * @param replicas of the existing Deployments, by name
 * @param folder for the file that KUBECONFIG names
 */
export async function kubeApi(replicas: Readonly<Record<string, number>>, folder: string): Promise<KubeApi> {
  const answers = discovery();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://api');
    const [, namespace, name = ''] =
      /^\/apis\/apps\/v1\/namespaces\/([^/]+)\/deployments\/([^/]+)$/.exec(pathname) ?? [];
    const known = replicas[name];
    const deployment =
      known === undefined
        ? undefined
        : {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            metadata: { name, namespace, ...OF_THE_RELEASE },
            spec: { replicas: known },
          };
    const answer = deployment ?? answers[pathname];
    const missing = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 };
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? missing));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const config = join(folder, 'kubeconfig.json');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(
    config,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: address } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      users: [{ name: 'test', user: {} }],
      'current-context': 'test',
    }),
  );
  return {
    config,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

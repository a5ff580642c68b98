import { describe, expect, jest, test } from '@jest/globals';
import { chartSettings } from '../support/deployment/chart-files';
import { renderedWith, type Manifest } from '../support/deployment/helm';

// The tools are fetched once on a machine.
jest.setTimeout(600_000);

interface Peer {
  readonly podSelector?: unknown;
  readonly namespaceSelector?: unknown;
}
interface Policy {
  readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly policyTypes: readonly string[];
  readonly ingress?: readonly {
    readonly from?: readonly Peer[];
    readonly ports: readonly { readonly port: unknown }[];
  }[];
  readonly egress: readonly { readonly ports: readonly { readonly protocol: string; readonly port: number }[] }[];
}
type Role = 'bridge' | 'fold' | 'sink' | 'board' | 'setup' | 'doctor';

const BOARD = {
  board: { enabled: true },
  secrets: { BOARD_PASSWORD: { name: 'board', key: 'password' } },
};

/** The policies that hold for the pods of a role. */
function policiesOf(manifests: readonly Manifest[], role: Role): readonly Policy[] {
  return manifests
    .filter(({ kind }) => kind === 'NetworkPolicy')
    .map(({ spec }) => spec as Policy)
    .filter(({ podSelector }) => podSelector.matchLabels['app.kubernetes.io/component'] === role);
}

function onlyPolicyOf(manifests: readonly Manifest[], role: Role): Policy {
  const [policy, ...others] = policiesOf(manifests, role);
  if (policy === undefined || others.length > 0) throw new Error(`${role}: ${others.length + 1} policies`);
  return policy;
}

/** The ports besides DNS that a role may connect to. */
async function portsWith(values: object, role: Role): Promise<readonly number[]> {
  const [, { ports } = { ports: [] }] = onlyPolicyOf(await renderedWith(values), role).egress;
  return ports.map(({ port }) => port);
}

describe('a role may connect to the ports in its settings', () => {
  test.each([
    ['http://registry1', 80],
    ['https://registry.v2', 443],
    ['HTTPS://registry', 443],
    ['http://registry:8081', 8081],
    ['http://registry:8081/apis/ccompat/v7', 8081],
    ['https://registry/apis:9/v7', 443],
    ['http://10.0.0.9', 80],
    ['http://[2001:db8::7]', 80],
    ['https://[2001:db8::7]:8443/x', 8443],
  ])('%s: %d', async (url, port) => {
    const values = { settings: { KAFKA_BROKERS: 'kafka:9092', SCHEMA_REGISTRY_URL: url } };
    expect(await portsWith(values, 'fold')).toEqual([port, 9092].sort((one, other) => one - other));
  });

  test('each of the brokers', async () => {
    const values = { settings: { KAFKA_BROKERS: 'kafka1:9092, [2001:db8::2]:9093,10.0.0.3:19092' } };
    expect(await portsWith(values, 'fold')).toEqual([8081, 9092, 9093, 19092]);
  });

  test('the token endpoint and the collector of traces', async () => {
    const settings = {
      KAFKA_SASL_OAUTH_TOKEN_URL: 'https://idp.example:8443/token',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    };
    expect(await portsWith({ settings }, 'fold')).toEqual([4318, 8081, 8443, 9092]);
    expect(await portsWith({ settings }, 'sink')).toEqual([4318, 8081, 8123, 8443, 9092]);
    expect(await portsWith({ settings }, 'bridge')).toEqual([443, 4318, 8081, 8443, 9092]);
  });

  test('a token endpoint at the port of its scheme', async () => {
    const settings = { KAFKA_SASL_OAUTH_TOKEN_URL: 'https://idp.example/token' };
    expect(await portsWith({ settings }, 'fold')).toEqual([443, 8081, 9092]);
  });

  test.each(chartSettings().addresses)('%s, for every role that reads it', async (name) => {
    const manifests = await renderedWith({
      ...BOARD,
      settings: { [name]: `${name === 'KAFKA_BROKERS' ? '' : 'http://'}host:7777` },
    });
    const opened = (['bridge', 'fold', 'sink', 'board', 'setup', 'doctor'] as const).filter((role) =>
      onlyPolicyOf(manifests, role).egress.some(({ ports }) => ports.some(({ port }) => port === 7777)),
    );
    const readers = Object.entries(chartSettings().roles).filter(([, settings]) => settings.includes(name));
    expect(opened).toEqual(readers.map(([role]) => role));
  });

  test('those of its own alone', async () => {
    const values = {
      fold: { settings: { KAFKA_BROKERS: 'fold-kafka:9192' } },
      setup: { settings: { CLICKHOUSE_URL: 'https://clickhouse:9440' } },
    };
    expect(await portsWith(values, 'fold')).toEqual([8081, 9192]);
    expect(await portsWith(values, 'setup')).toEqual([8081, 9092, 9440]);
    expect(await portsWith(values, 'sink')).toEqual([8081, 8123, 9092]);
  });

  test('a proxy before Genesys, with its user', async () => {
    const settings = { HTTPS_PROXY: 'http://user:p%40ss1@proxy.example:3128' };
    expect(await portsWith({ settings }, 'bridge')).toEqual([443, 3128, 8081, 9092]);
    expect(await portsWith({ settings }, 'fold')).toEqual([8081, 9092]);
  });

  test('what the values name besides', async () => {
    const networkPolicy = { kafkaPorts: [9094], otherPorts: [4318] };
    expect(await portsWith({ networkPolicy }, 'fold')).toEqual([4318, 8081, 9092, 9094]);
  });

  test('Genesys for bridge and doctor, unless there is no client', async () => {
    expect(await portsWith({}, 'doctor')).toEqual([443, 8081, 8123, 9092]);
    const secrets = { GENESYS_CLIENT_ID: null };
    expect(await portsWith({ secrets }, 'bridge')).toEqual([8081, 9092]);
  });

  test('and where a Secret hides the port, the values have to name it', async () => {
    const secrets = { SCHEMA_REGISTRY_URL: { name: 'registry', key: 'url' } };
    const settings = { SCHEMA_REGISTRY_URL: null };
    await expect(renderedWith({ settings, secrets })).rejects.toThrow(
      'networkPolicy.otherPorts: empty, and SCHEMA_REGISTRY_URL is in a Secret',
    );
    expect(await portsWith({ settings, secrets, networkPolicy: { otherPorts: [8085] } }, 'fold')).toEqual([8085, 9092]);
  });
});

test('DNS is open, also where it listens on 5353', async () => {
  const manifests = await renderedWith({});
  for (const role of ['bridge', 'fold', 'sink', 'setup', 'doctor'] as const) {
    const [dns] = onlyPolicyOf(manifests, role).egress;
    expect(dns?.ports.map(({ protocol, port }) => `${protocol} ${port}`)).toEqual([
      'UDP 53',
      'TCP 53',
      'UDP 5353',
      'TCP 5353',
    ]);
  }
});

test('setup has a policy of the hook, which is there before its job and recreated at each upgrade', async () => {
  const manifests = await renderedWith({});
  const setup = manifests.filter(({ metadata }) => metadata.name === 'live-queuefold-setup');
  const hooks = setup.map(({ kind, metadata: { annotations = {} } }) => [
    kind,
    annotations['helm.sh/hook'],
    Number(annotations['helm.sh/hook-weight'] ?? 0),
    annotations['helm.sh/hook-delete-policy'],
  ]);
  expect(hooks.sort()).toEqual([
    ['ConfigMap', 'pre-install,pre-upgrade', -1, 'before-hook-creation'],
    ['Job', 'pre-install,pre-upgrade', 0, 'before-hook-creation'],
    ['NetworkPolicy', 'pre-install,pre-upgrade', -1, 'before-hook-creation'],
  ]);
});

describe('metrics and health', () => {
  const from = async (values: object) => onlyPolicyOf(await renderedWith(values), 'fold').ingress;
  const ports = [{ protocol: 'TCP', port: 'http' }];
  const ownNamespace = { podSelector: {} };

  test('are for pods of the namespace', async () => {
    expect(await from({})).toEqual([{ ports, from: [ownNamespace] }]);
  });

  test('are for the operator’s Prometheus, too, where it is told to ask', async () => {
    const prometheus = {
      namespaceSelector: {},
      podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } },
    };
    expect(await from({ serviceMonitor: { enabled: true } })).toEqual([{ ports, from: [ownNamespace, prometheus] }]);
  });

  test('are for nobody where nobody is named', async () => {
    expect(await from({ networkPolicy: { from: [] } })).toBeUndefined();
  });

  test('jobs are asked by nobody', async () => {
    const manifests = await renderedWith({});
    for (const role of ['setup', 'doctor'] as const) {
      const { ingress, policyTypes } = onlyPolicyOf(manifests, role);
      expect([ingress, policyTypes]).toEqual([undefined, ['Ingress', 'Egress']]);
    }
  });
});

describe('the page of the board', () => {
  const of = async (board: object, values: object = {}) =>
    onlyPolicyOf(await renderedWith({ ...BOARD, ...values, board: { ...BOARD.board, ...board } }), 'board').ingress;
  const metrics = { ports: [{ protocol: 'TCP', port: 'http' }], from: [{ podSelector: {} }] };
  const page = [{ protocol: 'TCP', port: 'board' }];
  const controller = { namespaceSelector: { matchLabels: { name: 'ingress' } } };

  test('is for those whom the values name, who get no metrics', async () => {
    expect(await of({})).toEqual([metrics, { ports: page, from: [{ podSelector: {} }] }]);
    expect(await of({ from: [controller] })).toEqual([metrics, { ports: page, from: [controller] }]);
    expect(await of({ from: [controller] }, { networkPolicy: { from: [] } })).toEqual([
      { ports: page, from: [controller] },
    ]);
    expect(await of({ from: [] })).toEqual([metrics]);
  });
});

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { OperatorError } from '../common';
import { kafkaSettings, type KafkaOverrides } from './kafka-settings';
import type { OnProgress } from './maven';
import { keepOrFindPorts } from './ports';

const KAFKA_IMAGE = 'apache/kafka:4.1.0';
const REGISTRY_IMAGE = 'apicurio/apicurio-registry:3.0.9';

export interface ContainerOptions {
  readonly dataDir: string;
  readonly overrides?: KafkaOverrides;
  readonly heapMb?: number;
  readonly onProgress?: OnProgress;
  /** `keep`: the data stay in a volume named after dataDir; `forget`: they go with the container. */
  readonly data: 'keep' | 'forget';
}

interface Running {
  stop(): Promise<void>;
  readonly ended: Promise<OperatorError | undefined>;
}

/**
 * Whether Docker, or Podman in its place, answers on this machine. It asks the sockets that testcontainers would use,
 * within a second and without loading testcontainers, which needs longer to find no engine. An engine of another
 * machine does not count, nor one lent to a container: ports that they publish on their loopback interface cannot be
 * reached from here.
 */
export async function containerEngineAnswers(env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  if (existsSync('/.dockerenv')) return false;
  const answers = await Promise.all(engineAddresses(env).map(ping));
  return answers.includes(true);
}

function engineAddresses(env: NodeJS.ProcessEnv): string[] {
  if (env['DOCKER_HOST']) return [env['DOCKER_HOST']];
  const runtime = env['XDG_RUNTIME_DIR'] ?? `/run/user/${process.getuid?.() ?? 0}`;
  return ['/var/run/docker.sock', join(runtime, 'docker.sock'), join(homedir(), '.docker/run/docker.sock')]
    .filter((socket) => existsSync(socket))
    .map((socket) => `unix://${socket}`);
}

function ping(address: string): Promise<boolean> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !(url.protocol === 'unix:' || isLoopback(url.hostname))) return Promise.resolve(false);
  const target =
    url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: Number(url.port || 2375) };
  return new Promise((settle) => {
    const asked = request({ ...target, path: '/_ping', signal: AbortSignal.timeout(1_000) }, (response) => {
      response.resume();
      settle(response.statusCode === 200);
    });
    asked.once('error', () => settle(false));
    asked.end();
  });
}

function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/**
 * testcontainers, changed so that its containers publish their ports only on 127.0.0.1, because neither Kafka nor the
 * registry authenticates anybody. The library publishes on all interfaces and has no option to change that. Its reaper
 * is one of its containers: it removes leftover containers, and would remove other containers for anybody who asks.
 */
async function loadTestcontainers() {
  const library = await import('testcontainers');
  const { prototype } = library.GenericContainer;
  if (Object.hasOwn(prototype, PUBLISHES_ON_LOOPBACK)) return library;
  const withExposedPorts = Reflect.get(prototype, 'withExposedPorts') as (...ports: unknown[]) => unknown;
  const onLoopback = function (this: WithPortBindings, ...ports: unknown[]) {
    withExposedPorts.apply(this, ports);
    const bindings = Object.values(this.hostConfig.PortBindings ?? {}).flat();
    for (const binding of bindings) binding.HostIp = LOOPBACK;
    return this;
  };
  Object.assign(prototype, { withExposedPorts: onLoopback, [PUBLISHES_ON_LOOPBACK]: true });
  return library;
}

const LOOPBACK = '127.0.0.1';
const PUBLISHES_ON_LOOPBACK = Symbol('publishes on loopback');

/** The part of a container's definition that testcontainers 11 keeps. */
interface WithPortBindings {
  readonly hostConfig: { readonly PortBindings?: Readonly<Record<string, { HostIp?: string }[]>> };
}

/**
 * The same broker as the embedded one, in a container. The host's port is fixed first, because the broker advertises
 * it.
 */
export async function startKafkaContainer(
  options: ContainerOptions,
): Promise<Running & { brokers: readonly string[] }> {
  const { GenericContainer, Wait } = await loadTestcontainers();
  const port = await rememberedPort(resolve(options.dataDir, 'kafka-container'));
  const settings = kafkaSettings(
    { clientPort: port, controllerPort: 9093, logDir: '/var/lib/kafka/data/logs' },
    {
      listeners: `PLAINTEXT://0.0.0.0:${port},CONTROLLER://127.0.0.1:9093`,
      'advertised.listeners': `PLAINTEXT://${LOOPBACK}:${port}`,
      ...options.overrides,
    },
  );
  options.onProgress?.(`Starting ${KAFKA_IMAGE}`);
  const container = await new GenericContainer(KAFKA_IMAGE)
    .withEnvironment({ ...asImageVariables(settings), KAFKA_HEAP_OPTS: `-Xmx${options.heapMb ?? 512}m` })
    .withExposedPorts({ container: port, host: port })
    .withBindMounts(volume(options, 'kafka', '/var/lib/kafka/data'))
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .start();
  return { brokers: [`${LOOPBACK}:${port}`], ...running(() => container.stop()) };
}

export async function startRegistryContainer(options: ContainerOptions): Promise<Running & { url: string }> {
  const { GenericContainer, Wait } = await loadTestcontainers();
  options.onProgress?.(`Starting ${REGISTRY_IMAGE}`);
  const container = await new GenericContainer(REGISTRY_IMAGE)
    .withEnvironment({ APICURIO_DATASOURCE_URL: 'jdbc:h2:file:/data/db;WRITE_DELAY=0' })
    .withUser('root') // A new volume belongs to root.
    .withExposedPorts(8080)
    .withBindMounts(volume(options, 'registry', '/data'))
    .withWaitStrategy(Wait.forHttp('/apis/ccompat/v7/subjects', 8080))
    .start();
  const url = `http://${LOOPBACK}:${container.getMappedPort(8080)}/apis/ccompat/v7`;
  return { url, ...running(() => container.stop()) };
}

/** The image reads KAFKA_LOG_DIRS for log.dirs. */
function asImageVariables(settings: KafkaOverrides): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`KAFKA_${key.toUpperCase().replaceAll('.', '_')}`, String(value)]),
  );
}

function volume({ data, dataDir }: ContainerOptions, service: string, target: string) {
  if (data === 'forget') return [];
  const id = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 12);
  return [{ source: `queuefold-${service}-${id}`, target, mode: 'rw' as const }];
}

async function rememberedPort(dir: string): Promise<number> {
  const file = join(dir, 'port.json');
  const known = Number(await readFile(file, 'utf8').catch(() => ''));
  const [port = 0] = await keepOrFindPorts(known > 0 ? [known] : undefined, 1);
  await mkdir(dir, { recursive: true });
  await writeFile(file, String(port));
  return port;
}

/** Nobody watches for an unexpected end of a container: the clients notice it, and the engine knows the reason. */
function running(stop: () => Promise<unknown>): Running {
  let tellEnd: () => void = () => undefined;
  const ended = new Promise<undefined>((settle) => (tellEnd = () => settle(undefined)));
  return {
    ended,
    stop: async () => {
      await stop();
      tellEnd();
    },
  };
}

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { findJava } from '../../../src/embedded/java';
import { type Jvm, startJvm, tailOf } from '../../../src/embedded/jvm';
import {
  kafkaProperties,
  kafkaSettings,
  log4jProperties,
  type KafkaOverrides,
} from '../../../src/embedded/kafka-settings';
import { fetchPart } from '../../../src/embedded/maven';
import { readPart } from '../../../src/embedded/parts';
import { freePorts } from '../../../src/embedded/ports';
import { until } from '../processes/until';
import { createStockAdmin } from './kafka-admin';

/**
 * Several brokers of the embedded release on the loopback interface, each also a controller, so that leaders move
 * between them.
 */
export interface KafkaCluster {
  /** Of all nodes, running or not. */
  readonly brokers: readonly string[];
  readonly nodes: readonly ClusterNode[];
  /** Resolves when every node serves and every replica is in sync. From then on any one node may be away. */
  whole(): Promise<void>;
  /** Ends all nodes and removes their data. */
  dispose(): Promise<void>;
}

export interface ClusterNode {
  /** Kafka's id in metadata and assignments: 1, 2, … */
  readonly id: number;
  /** Ends it like a power cut. */
  kill9(): Promise<void>;
  /** An orderly end: its leaderships move before it leaves. */
  stop(): Promise<void>;
  /** Same data, same port. It does not wait until the node serves; `whole` does. */
  start(): Promise<void>;
}

export interface ClusterOptions {
  /** Default 3. */
  readonly nodes?: number;
  /** Settings of each broker that override those chosen here. */
  readonly overrides?: KafkaOverrides;
  /** For each node's JVM. Default 320. */
  readonly heapMb?: number;
}

const WHOLE_MS = 180_000;
const STOP_GRACE_MS = 30_000;
const CLUSTER_ID = 'queuefoldTestClusterAA';
const JVM_FLAGS = ['-XX:+UseSerialGC', '-XX:-UsePerfData', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true'];

export async function startKafkaCluster(options: ClusterOptions = {}): Promise<KafkaCluster> {
  const { nodes: count = 3, heapMb = 320 } = options;
  const [java, jars, { files }] = await Promise.all([findJava(), fetchPart('kafka'), readPart('kafka')]);
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-cluster-'));
  const classPath = [...files.keys()].map((jar) => join(jars, jar)).join(delimiter);
  const ports = await freePorts(2 * count);
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  const clientPort = (id: number): number => ports[2 * id - 2] ?? 0;
  const controllerPort = (id: number): number => ports[2 * id - 1] ?? 0;
  const voters = ids.map((id) => `${id}@127.0.0.1:${controllerPort(id)}`).join();
  const brokers = ids.map((id) => `127.0.0.1:${clientPort(id)}`);

  const node = async (id: number): Promise<ClusterNode> => {
    const dir = join(folder, String(id));
    await mkdir(dir);
    const place = { clientPort: clientPort(id), controllerPort: controllerPort(id), logDir: join(dir, 'data') };
    const properties = join(dir, 'server.properties');
    const settings = kafkaSettings(place, { ...replicated(count), ...options.overrides });
    await writeFile(properties, kafkaProperties({ ...settings, 'node.id': id, 'controller.quorum.voters': voters }));
    await writeFile(join(dir, 'log4j2.properties'), log4jProperties(join(dir, 'kafka.log')));
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties];
    await promisify(execFile)(java, [...JVM_FLAGS, '-Xmx128m', '-cp', classPath, ...format]);
    const args = [
      ...[...JVM_FLAGS, `-Xmx${heapMb}m`, `-Dlog4j2.configurationFile=${join(dir, 'log4j2.properties')}`],
      ...['-cp', classPath, 'kafka.Kafka', properties],
    ];
    let jvm: Jvm | null = null;
    const end = async (how: (running: Jvm) => Promise<void>): Promise<void> => {
      const running = jvm;
      jvm = null;
      if (running !== null) await how(running);
    };
    return {
      id,
      kill9: () => end((running) => running.kill9()),
      stop: () => end((running) => running.stop(STOP_GRACE_MS)),
      start: async () => {
        jvm ??= await startJvm({ java, dir, name: 'kafka', args });
      },
    };
  };

  const nodes: ClusterNode[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(nodes.map((one) => one.kill9()));
    await rm(folder, { recursive: true, force: true });
  };
  const whole = async (): Promise<void> => {
    await until('every node to serve, with every replica in sync', WHOLE_MS, () => isWhole(brokers, count)).catch(
      async (error: unknown) => {
        const tails = await Promise.all(ids.map((id) => tailOf([join(folder, String(id), 'kafka.log')])));
        throw new Error(tails.join(''), { cause: error });
      },
    );
  };
  try {
    nodes.push(...(await Promise.all(ids.map(node))));
    await Promise.all(nodes.map((one) => one.start()));
    await whole();
    return { brokers, nodes, whole, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Kafka's own topics survive the loss of any one node. */
function replicated(count: number): KafkaOverrides {
  const least = Math.max(1, count - 1);
  return {
    'default.replication.factor': count,
    'min.insync.replicas': least,
    'offsets.topic.replication.factor': count,
    'transaction.state.log.replication.factor': count,
    'transaction.state.log.min.isr': least,
    'share.coordinator.state.topic.replication.factor': count,
    'share.coordinator.state.topic.min.isr': least,
  };
}

async function isWhole(brokers: readonly string[], count: number): Promise<boolean> {
  const stock = await createStockAdmin(brokers).catch(() => null);
  if (stock === null) return false;
  try {
    const { brokers: alive } = await stock.admin.describeCluster();
    if (alive.length < count) return false;
    const { topics } = await stock.admin.fetchTopicMetadata();
    return topics.every(({ partitions }) =>
      partitions.every(({ leader, isr, replicas }) => leader >= 0 && isr.length === replicas.length),
    );
  } catch {
    return false;
  } finally {
    await stock.close().catch(() => undefined);
  }
}

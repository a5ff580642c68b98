import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { access, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findJava } from '../../../src/embedded/java';
import { isKafkaReady } from '../../../src/embedded/kafka-ready';
import { kafkaProperties, kafkaSettings, type KafkaOverrides } from '../../../src/embedded/kafka-settings';
import { cacheDir, POM } from '../../../src/embedded/parts';
import { freePorts } from '../../../src/embedded/ports';
import { until } from '../processes/until';

export interface OldKafka {
  readonly brokers: readonly string[];
  dispose(): Promise<void>;
}

const run = promisify(execFile);
const READY_MS = 180_000;
/** Settings of KRaft, which a broker with ZooKeeper must not have. */
const KRAFT = /^(process\.roles|node\.id|controller\.)/;

/** A broker of another release than the embedded one; before 3.0 with ZooKeeper, whose jars come with Kafka's. */
export async function oldKafka(release: string): Promise<OldKafka> {
  const [java, jars, folder] = await Promise.all([
    findJava(),
    jarsOf(release),
    mkdtemp(join(tmpdir(), 'queuefold-old-kafka-')),
  ]);
  const [clientPort = 0, otherPort = 0] = await freePorts(2);
  const classPath = join(jars, '*');
  const children: ChildProcess[] = [];
  const start = (name: string, flags: readonly string[]): void => {
    const log = openSync(join(folder, `${name}.log`), 'w');
    children.push(spawn(java, ['-cp', classPath, ...flags], { cwd: folder, stdio: ['ignore', log, log] }));
    closeSync(log);
  };
  const dispose = async (): Promise<void> => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };

  const settings = kafkaSettings({ clientPort, controllerPort: otherPort, logDir: join(folder, 'data') });
  const properties = join(folder, 'server.properties');
  try {
    if (Number(release.split('.')[0]) < 3) {
      const zookeeper = { dataDir: join(folder, 'zookeeper'), clientPort: otherPort, clientPortAddress: '127.0.0.1' };
      await writeFile(join(folder, 'zoo.cfg'), kafkaProperties({ ...zookeeper, 'admin.enableServer': false }));
      start('zookeeper', ['-Xmx128m', 'org.apache.zookeeper.server.quorum.QuorumPeerMain', 'zoo.cfg']);
      await writeFile(properties, kafkaProperties(withZookeeper(settings, clientPort, otherPort)));
    } else {
      await writeFile(properties, kafkaProperties(settings));
      const format = ['kafka.tools.StorageTool', 'format', '-t', 'AAAAAAAAAAAAAAAAAAAAAA', '-c', properties];
      await run(java, ['-Xmx128m', '-cp', classPath, ...format]);
    }
    start('kafka', ['-Xmx400m', 'kafka.Kafka', properties]);
    await until(`Kafka ${release}`, READY_MS, () => isKafkaReady(clientPort));
    return { brokers: [`127.0.0.1:${clientPort}`], dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function withZookeeper(settings: KafkaOverrides, clientPort: number, zookeeperPort: number): KafkaOverrides {
  const own = Object.entries(settings).filter(([name]) => !KRAFT.test(name));
  return {
    ...Object.fromEntries(own),
    'broker.id': 1,
    listeners: `PLAINTEXT://127.0.0.1:${clientPort}`,
    'zookeeper.connect': `127.0.0.1:${zookeeperPort}`,
    'zookeeper.connection.timeout.ms': 120_000,
  };
}

/** Maven fetches them once, with the same file as for the embedded release. */
async function jarsOf(release: string): Promise<string> {
  const folder = join(cacheDir(), 'tests', `kafka-${release}`);
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  if (isThere) return folder;
  const fetched = `${folder}.${process.pid}`;
  const flags = [`-Dkafka.version=${release}`, `-DoutputDirectory=${fetched}`];
  await run('mvn', ['-B', '-q', '-C', '-f', POM, 'dependency:copy-dependencies@kafka', ...flags]);
  await rename(fetched, folder);
  return folder;
}

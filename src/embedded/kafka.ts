import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, rm, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, OperatorError } from '../common';
import { findJava } from './java';
import { isKafkaReady } from './kafka-ready';
import {
  kafkaProperties,
  kafkaSettings,
  log4jProperties,
  type KafkaOverrides,
  type KafkaPlace,
} from './kafka-settings';
import { fetchPart, type OnProgress } from './maven';
import { readPart } from './parts';
import { startService } from './service';

export interface KafkaOptions {
  /** Kafka uses only `<dataDir>/kafka`. */
  readonly dataDir: string;
  /** Default 512. */
  readonly heapMb?: number;
  /**
   * Broker settings that override those chosen here (`log.cleaner.backoff.ms`, …). A function can make settings from
   * the ports.
   */
  readonly overrides?: KafkaOverrides | ((place: KafkaPlace) => KafkaOverrides);
  /** More flags of the JVM, for example system properties. */
  readonly jvmFlags?: readonly string[];
  /** More flags of `kafka-storage format`, for example users for SCRAM; they affect only a new data directory. */
  readonly formatFlags?: readonly string[];
  /** Folders of classes beside Kafka's own jars: plugins. */
  readonly plugins?: readonly string[];
  readonly onProgress?: OnProgress;
  /** Aborts a start. */
  readonly signal?: AbortSignal;
}

export interface EmbeddedKafka {
  readonly brokers: readonly string[];
  readonly pid: number;
  /** Ends it like a power cut. The data directory stays this process's own until stop(). */
  kill9(): Promise<void>;
  /** Same data, same port; also after kill9(). */
  restart(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves with an error to show if the broker ended unexpectedly, and with undefined after stop(). */
  readonly ended: Promise<OperatorError | undefined>;
}

/**
 * Starts a real Apache Kafka, one KRaft node on the loopback interface, and waits until it serves. The data directory
 * remembers the port, and the next start uses it again if it is free. Throws an OperatorError.
 */
export async function startKafka(options: KafkaOptions): Promise<EmbeddedKafka> {
  const java = await findJava();
  const jars = await fetchPart('kafka', options.onProgress, options.signal);
  const { files } = await readPart('kafka');
  const dir = resolve(options.dataDir, 'kafka');
  const log = join(dir, 'kafka.log');
  // By name, so that a file added to the folder after the check is not loaded.
  const classPath = [...[...files.keys()].map((jar) => join(jars, jar)), ...(options.plugins ?? [])].join(delimiter);
  const properties = join(dir, 'server.properties');
  const logDir = join(dir, 'data');

  const service = await startService({
    title: 'Kafka',
    name: 'kafka',
    dir,
    java,
    portCount: 2,
    logs: [log, join(dir, 'kafka.out')],
    prepare: async ([clientPort = 0, controllerPort = 0]) => {
      const place = { clientPort, controllerPort, logDir };
      const { overrides } = options;
      const chosen = typeof overrides === 'function' ? overrides(place) : overrides;
      await writeFile(properties, kafkaProperties(kafkaSettings(place, chosen)));
      await writeFile(join(dir, 'log4j2.properties'), log4jProperties(log));
      await formatOnce(java, classPath, logDir, ['-c', properties, ...(options.formatFlags ?? [])]);
      await rm(log, { force: true });
      return [
        `-Xmx${options.heapMb ?? 512}m`,
        `-Dlog4j2.configurationFile=${join(dir, 'log4j2.properties')}`,
        ...(options.jvmFlags ?? []),
        '-cp',
        classPath,
        'kafka.Kafka',
        properties,
      ];
    },
    signal: options.signal,
    isReady: ([clientPort = 0]) => isKafkaReady(clientPort),
  });

  return {
    brokers: [`127.0.0.1:${service.ports[0] ?? 0}`],
    get pid() {
      return service.pid();
    },
    kill9: service.kill9,
    restart: service.restart,
    stop: service.stop,
    ended: service.ended,
  };
}

/**
 * Gives a new data directory its cluster id and feature levels. It uses Kafka's own tool, which costs a second at the
 * very first start. Files written by hand would work too, but with other feature levels than a real cluster's.
 */
async function formatOnce(java: string, classPath: string, logDir: string, wishes: readonly string[]): Promise<void> {
  const formatted = await access(join(logDir, 'meta.properties')).then(
    () => true,
    () => false,
  );
  if (formatted) return;
  // It must not begin with "-", which the tool would take for a flag (1 of 64 random ids).
  const clusterId = `q${randomBytes(16).toString('base64url').slice(1)}`;
  const flags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData', '-Xmx128m'];
  const tool = ['-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', clusterId, ...wishes];
  try {
    await promisify(execFile)(java, [...flags, ...tool]);
  } catch (error) {
    await rm(logDir, { recursive: true, force: true });
    // Only the exception itself, without the command and the place in Kafka.
    const why = /^(?:Exception in thread|.*(?:Exception|Error):).*$/m.exec(stderrOf(error))?.[0] ?? messageOf(error);
    throw new OperatorError(`Kafka: cannot prepare ${logDir}: ${why}`);
  }
}

function stderrOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : '';
}

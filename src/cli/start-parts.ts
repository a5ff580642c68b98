import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { OperatorError } from '../common';
import { type Config, requireGenesys } from '../config';
import {
  bearing,
  curlOptions,
  newToken,
  openEmbeddedClickHouse,
  provideKafka,
  provideRegistry,
  rememberClickHouse,
  serveClickHouseHttp,
  tokenFile,
} from '../embedded';
import type { Credentials, GenesysUrls } from '../genesys';
import { createLocalSchemas, createMemoryLog, discard, NAMES_PARTITIONS, topicNames } from '../log';
import type { Shutdown } from '../ops';
import type { SimulatorOptions } from '../simulator';
import { connectStore, type Store } from '../store';
import { type Connected, connectKafka, kafkaConnection, registryOptions, setUp, setUpTables } from '../wiring';
import { begin } from './begin';
import type { Context } from './context';
import { configuredStore, withStore } from './role';
import { startListening } from './simulate';

/** Label and address, for people. */
export type Where = readonly (readonly [label: string, value: string])[];

export interface StorePart {
  readonly store: Store;
  readonly where: Where;
}

/** ClickHouse: the configured one, else one in this process, whose tables others read over HTTP. */
export async function openStore({ config, shutdown }: Context, dataDir: string): Promise<StorePart> {
  const { url, database } = config.clickhouse;
  if (url !== undefined) {
    return { store: configuredStore({ config, shutdown }), where: [['ClickHouse', `${url}, database ${database}`]] };
  }
  const engine = await openEmbeddedClickHouse({ dataDir });
  shutdown.onStop('embedded ClickHouse', () => engine.close());
  const token = newToken();
  const http = await serveClickHouseHttp(engine, {
    ...{ port: 0, host: '127.0.0.1', readOnly: true, database },
    admits: bearing(token),
  });
  shutdown.onStop('ClickHouse over HTTP', () => http.close());
  const forget = await rememberClickHouse(config.dataDir, { url: http.url, token });
  shutdown.onStop('address of ClickHouse', forget);
  const store = connectStore({ connection: engine.connection(), database, where: engine.path });
  return {
    store,
    where: [
      ['SQL', `${http.url} (read-only, with the token in ${tokenFile(config.dataDir)}), or: queuefold query`],
      ['Curl', `curl ${curlOptions(config.dataDir)} -d 'SELECT * FROM queue_live'`],
    ],
  };
}

export interface LogPart extends Connected {
  readonly where: Where;
  /** Resolves with an error when a part has ended by itself. */
  readonly ended: Promise<OperatorError | undefined>;
}

interface KafkaWishes {
  readonly withUrls: (brokers: readonly string[], registry: string) => Config;
  /** See `Beginning.onWaiting`. */
  readonly onWaiting: (message: string | null) => void;
}

/** Kafka and registry: configured, in a container, or embedded; then topics, schemas and tables. */
export async function openKafka(
  context: Context,
  store: Store,
  { withUrls, onWaiting }: KafkaWishes,
): Promise<LogPart> {
  const { config, shutdown, logger, metrics } = context;
  const { dataDir } = config;
  const onProgress = progressOf(context);
  const options = { dataDir, onProgress, signal: shutdown.signal };
  const [kafka, registry] = await Promise.all([
    stoppedInTheEnd(shutdown, 'Kafka', provideKafka({ configured: config.kafka.brokers?.join(','), ...options })),
    stoppedInTheEnd(shutdown, 'schema registry', provideRegistry({ configured: config.registry.url, ...options })),
  ]);
  const complete = withUrls(kafka.brokers, registry.url);
  onProgress('topics, schemas, tables');
  const setup = {
    config: complete,
    kafka: kafkaConnection(complete, kafka.brokers, logger),
    registry: registryOptions(complete, registry.url, logger),
    store,
    mode: 'apply',
  } as const;
  // A configured service may be away. The start waits for it, as roles do.
  await begin({ attempt: () => withStore(store, () => setUp(setup)), onWaiting, signal: shutdown.signal, logger });
  const connected = connectKafka(complete, logger, metrics);
  shutdown.onStop('Kafka clients', () => connected.log.close());
  return {
    ...connected,
    ended: Promise.race([kafka.ended, registry.ended]),
    where: [
      ['Kafka', `${kafka.brokers.join(',')}${kafka.source === 'configured' ? '' : ` (${kafka.source})`}`],
      ['Registry', registry.url],
    ],
  };
}

/** A log in this process: neither Kafka nor Java. The next start begins with an empty one, and keeps the tables. */
export async function openMemoryLog({ config, shutdown, logger, metrics }: Context, store: Store): Promise<LogPart> {
  await setUpTables(config, store, 'apply');
  const topics = topicNames(config.topics.prefix);
  const log = createMemoryLog({
    partitions: config.topics.partitions,
    // The log is new, so its rows begin a new epoch in the tables. The history of earlier starts stays.
    identity: randomUUID(),
    topics: {
      [topics.events]: { retention: 'consumed' },
      [topics.state]: { retention: 'latest' },
      [topics.visits]: { retention: 'consumed' },
      [topics.changelog]: { retention: 'latest' },
      [topics.deadLetters]: { retention: 'consumed' },
      [topics.names]: { retention: 'latest', partitions: NAMES_PARTITIONS },
    },
    logger,
    metrics,
  });
  shutdown.onStop('log', () => log.close());
  await discard(log, topics.deadLetters);
  return {
    log,
    schemas: createLocalSchemas(),
    topics,
    ended: new Promise(() => undefined),
    where: [['Log', 'in memory: it ends with this process, but the tables and their history stay']],
  };
}

/** The folder of the tables of `--log memory`. They are apart from those of Kafka's topics. */
export function memoryDir(dataDir: string): string {
  return join(dataDir, 'memory');
}

export interface GenesysPart {
  readonly credentials: Credentials;
  readonly urls: GenesysUrls;
  readonly where: Where;
}

/** The configured organization, else a simulated one. */
export async function openGenesys({ config, shutdown }: Context, simulation: SimulatorOptions): Promise<GenesysPart> {
  if (config.genesys.clientId !== undefined) {
    const { clientId, clientSecret, loginUrl, apiUrl } = requireGenesys(config);
    return {
      credentials: { clientId, clientSecret: clientSecret.reveal() },
      urls: { loginUrl, apiUrl },
      where: [['Genesys', apiUrl]],
    };
  }
  // Another day gives other ids, so that a conversation that ended in an earlier start does not begin again.
  const simulator = await startListening({ ...simulation, day: Date.now() });
  shutdown.onStop('simulated organization', () => simulator.stop());
  const { clientId, clientSecret, loginUrl, apiUrl } = simulator;
  return {
    credentials: { clientId, clientSecret },
    urls: { loginUrl, apiUrl },
    where: [['Genesys', `simulated: ${apiUrl}/truth`]],
  };
}

/** Two parts start at the same time. Each is stopped at the end, even if the other one cannot start. */
export async function stoppedInTheEnd<P extends { stop(): Promise<void> }>(
  shutdown: Shutdown,
  name: string,
  part: Promise<P>,
): Promise<P> {
  const running = await part;
  shutdown.onStop(name, () => running.stop());
  return running;
}

export function progressOf({ io, quiet }: Context): (text: string) => void {
  if (quiet) return () => undefined;
  if (io.stderr.isTTY !== true) return (text) => void io.stderr.write(`starting: ${text}\n`);
  return (text) => void io.stderr.write(`\r\x1b[Kstarting: ${text}`);
}

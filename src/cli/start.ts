import { startBridgeRole } from '../bridge';
import { OperatorError, UsageError } from '../common';
import { type Config, type SettingKey, withDefaults } from '../config';
import { acquireDataDir, keepPrivate, loadEngine } from '../embedded';
import { startFoldRole } from '../fold';
import { livenessOf, startOpsHttp } from '../ops';
import { startSinkRole } from '../sink';
import { boardModel, startLiveView } from './board';
import { tracingOf, type Context } from './context';
import { refuseForRealGenesys, simulationOf } from './simulation';
import { START_SIMULATION, type SimulationFlags } from './simulation-flags';
import { memoryDir, openGenesys, openKafka, openMemoryLog, openStore, progressOf, type Where } from './start-parts';

export interface StartFlags extends SimulationFlags {
  readonly log: 'kafka' | 'memory';
}

/** `queuefold start`: everything on one machine; each configured part is used instead of its embedded one. */
export async function runStart(context: Context, flags: StartFlags): Promise<void> {
  const started = withStartDefaults(context);
  const { config, logger, metrics, shutdown, io, quiet } = started;
  if (flags.log === 'memory' && config.clickhouse.url !== undefined) {
    throw new UsageError(
      'CLICKHOUSE_URL: not with --log memory, whose offsets begin anew with every start; unset it, or use --log kafka',
    );
  }
  refuseForRealGenesys(config, flags);
  const simulation = simulationOf(flags, START_SIMULATION);
  // Before anything is made: where it is not installed, that is what has to be said.
  if (config.clickhouse.url === undefined) loadEngine();
  keepPrivate();
  // Nothing is read from it, and the embedded ClickHouse would take it for data of an INSERT.
  io.detachStdin?.('unused');
  const lock = await acquireDataDir(config.dataDir);
  shutdown.onStop('data directory', () => lock.release());
  const progress = progressOf(started);
  // The line of the progress gives way to lines of the log.
  if (io.stderr.isTTY === true) started.redirectLogs((line) => void io.stderr.write(`\r\x1b[K${line}`));

  progress('ClickHouse');
  const storeDir = flags.log === 'memory' ? memoryDir(config.dataDir) : config.dataDir;
  const { store, where: storeWhere } = await openStore(started, storeDir);
  progress(flags.log === 'memory' ? 'tables' : 'Kafka and schema registry');
  const kafka =
    flags.log === 'memory'
      ? await openMemoryLog(started, store)
      : await openKafka(started, store, (brokers, registry) => withUrls(config, brokers, registry));
  const { log, schemas, topics } = kafka;
  progress('Genesys');
  const genesys = await openGenesys(started, simulation);
  if (shutdown.signal.aborted) return;

  const tracing = await tracingOf(started);
  const parts = { config, logger, metrics, log, schemas, topics, tracing };
  progress('fold, sink, bridge');
  const [fold, sink] = await Promise.all([startFoldRole(parts), startSinkRole({ ...parts, store })]);
  shutdown.onStop('sink', () => sink.stop());
  shutdown.onStop('fold', () => fold.stop());
  const bridge = await startBridgeRole({ ...parts, genesys });
  shutdown.onStop('bridge', () => bridge.stop());

  const ops = await startOpsHttp({
    ...config.http,
    registry: metrics.served(['bridge', 'fold', 'sink']),
    ready: { ...bridge.ready, ...fold.ready, ...sink.ready },
    live: { bridge: livenessOf(bridge), fold: livenessOf(fold), sink: livenessOf(sink) },
    routes: bridge.routes ?? {},
    logger,
  });
  shutdown.onStop('metrics and health', () => ops.stop());
  const where: Where = [
    ...kafka.where,
    ['Topics', `${topics.state} (compacted), ${topics.events}, ${topics.deadLetters}`],
    ...storeWhere,
    ['Metrics', `${ops.url}/metrics`],
    ...genesys.where,
  ];
  if (io.stderr.isTTY === true) {
    io.stderr.write('\r\x1b[K');
    started.redirectLogs(null);
  }
  if (io.stdout.isTTY !== true && !quiet) {
    io.stderr.write(where.map(([label, value]) => `${label.padEnd(10)} ${value}\n`).join(''));
  }
  const view = startLiveView(started, () =>
    boardModel(bridge.rows(), Date.now(), { where, names: bridge.queueNames() }),
  );
  shutdown.onStop('view', () => view.stop());

  const lost = lock.lost.then(() => {
    throw new OperatorError(
      `data directory ${config.dataDir}: another process has taken it, because this one stood still for long.`,
    );
  });
  const failed = kafka.ended.then((error) => {
    if (error !== undefined && !shutdown.signal.aborted) throw error;
    return new Promise<void>(() => undefined);
  });
  // `until` waits for everything it is given to end; the parts that never end by themselves are only raced.
  const ended = Promise.race([lost, failed, bridge.done, fold.done, sink.done]);
  await shutdown.until(ended);
}

/** A single machine needs less of everything; what simulated conversations go to is never taken for real. */
function withStartDefaults(context: Context): Context {
  const { config } = context;
  const simulated = config.genesys.clientId === undefined;
  const anyConfigured =
    config.kafka.brokers !== undefined || config.clickhouse.url !== undefined || config.registry.url !== undefined;
  const defaults: Partial<Record<SettingKey, string>> = {
    HTTP_HOST: '127.0.0.1',
    SINK_FLUSH_MS: '250',
    ...(config.kafka.brokers === undefined ? { PARTITIONS: '4', REPLICATION_FACTOR: '1' } : {}),
    ...(simulated && anyConfigured ? { TOPIC_PREFIX: 'demo', CLICKHOUSE_DATABASE: 'queuefold_demo' } : {}),
    // Invented people have no privacy.
    ...(simulated ? { NAMES_OF: 'queues,users,skills' } : {}),
  };
  return { ...context, config: withDefaults(config, 'start', defaults) };
}

/** The configuration with the addresses of what was started for it. */
function withUrls(config: Config, brokers: readonly string[], registry: string): Config {
  return withDefaults(config, 'start', { KAFKA_BROKERS: brokers.join(','), SCHEMA_REGISTRY_URL: registry });
}

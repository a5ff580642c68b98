import { startBridgeRole } from '../bridge';
import { OperatorError, UsageError } from '../common';
import { type Config, type SettingKey, withDefaults } from '../config';
import { acquireDataDir, keepPrivate, loadEngine } from '../embedded';
import { startFoldRole } from '../fold';
import { startSinkRole } from '../sink';
import { boardModel, startLiveView } from './board';
import { tracingOf, type Context } from './context';
import { claimDataDir } from './data-organization';
import { BOARD_DEFAULTS, boardOptions, startBoard } from './live-board';
import { eventsRoutes, serveRoles, type ServedRoles } from './serve-roles';
import { refuseForRealGenesys, simulationOf } from './simulation';
import { START_SIMULATION, type SimulationFlags } from './simulation-flags';
import {
  type GenesysPart,
  type LogPart,
  memoryDir,
  openGenesys,
  openKafka,
  openMemoryLog,
  openStore,
  progressOf,
  type StorePart,
  type Where,
} from './start-parts';

export interface StartFlags extends SimulationFlags {
  readonly log: 'kafka' | 'memory';
}

/** `queuefold start`: runs everything on one machine. A configured part replaces its embedded one. */
export async function runStart(context: Context, flags: StartFlags): Promise<void> {
  const started = withStartDefaults(context);
  const { config, shutdown, io } = started;
  if (flags.log === 'memory' && config.clickhouse.url !== undefined) {
    throw new UsageError(
      'CLICKHOUSE_URL: not allowed with --log memory, whose offsets begin at 0 at every start. Unset it, or use --log kafka.',
    );
  }
  refuseForRealGenesys(config, flags);
  const simulation = simulationOf(flags, START_SIMULATION);
  // Before anything is created: if the engine is not installed, the user has to know that first.
  if (config.clickhouse.url === undefined) loadEngine();
  keepPrivate();
  // `start` reads nothing from stdin, and the embedded ClickHouse would take it for data of an INSERT.
  io.detachStdin?.('unused');
  const lock = await acquireDataDir(config.dataDir);
  shutdown.onStop('data directory', () => lock.release());
  if (config.kafka.brokers === undefined || config.clickhouse.url === undefined) {
    await claimDataDir(config.dataDir, config.genesys.clientId === undefined ? 'simulated' : 'real');
  }
  // Before the steps that take minutes, so that the user hears of a taken port at once.
  const served = await serveRoles(started, {
    names: ['bridge', 'fold', 'sink', 'board'],
    routes: eventsRoutes(started),
  });
  // Lines of the log replace the line of the progress.
  if (io.stderr.isTTY === true) started.redirectLogs((line) => void io.stderr.write(`\r\x1b[K${line}`));
  const { store, kafka } = await openStoreAndLog(started, flags, served);
  progressOf(started)('Genesys');
  const genesys = await openGenesys(started, simulation);
  if (shutdown.signal.aborted) return;

  const roles = await startRoles(started, { store, kafka, genesys });
  for (const role of Object.values(roles)) served.show(role);
  tellWhere(started, roles, [
    ['Board', roles.board.url],
    ...kafka.where,
    ['Topics', `${kafka.topics.state} (compacted), ${kafka.topics.events}, ${kafka.topics.deadLetters}`],
    ...store.where,
    ['Metrics', `${served.url}/metrics`],
    ...genesys.where,
  ]);

  const lost = lock.lost.then(() => {
    throw new OperatorError(
      `data directory ${config.dataDir}: another process has taken it over, because this one did not answer for too long. Start queuefold again.`,
    );
  });
  const failed = kafka.ended.then((error) => {
    if (error !== undefined && !shutdown.signal.aborted) throw error;
    return new Promise<void>(() => undefined);
  });
  // `until` waits for the end of everything that it gets. Some parts never end by themselves, so they are only raced.
  const ended = Promise.race([lost, failed, ...Object.values(roles).map(({ done }) => done)]);
  await shutdown.until(ended);
}

interface Parts {
  readonly store: StorePart;
  readonly kafka: LogPart;
  readonly genesys: GenesysPart;
}

async function openStoreAndLog(
  context: Context,
  flags: StartFlags,
  served: ServedRoles,
): Promise<Pick<Parts, 'store' | 'kafka'>> {
  const { config } = context;
  const inMemory = flags.log === 'memory';
  const progress = progressOf(context);
  progress('ClickHouse');
  const store = await openStore(context, inMemory ? memoryDir(config.dataDir) : config.dataDir);
  progress(inMemory ? 'tables' : 'Kafka and schema registry');
  const kafka = inMemory
    ? await openMemoryLog(context, store.store)
    : await openKafka(context, store.store, {
        withUrls: (brokers, registry) => withUrls(config, brokers, registry),
        onWaiting: served.waitsFor,
      });
  return { store, kafka };
}

async function startRoles(context: Context, { store: { store }, kafka, genesys }: Parts) {
  const { config, logger, metrics, shutdown } = context;
  const { log, schemas, topics } = kafka;
  const tracing = await tracingOf(context);
  const parts = { config, logger, metrics, log, schemas, topics, tracing };
  progressOf(context)('fold, sink, bridge, board');
  const [fold, sink] = await Promise.all([startFoldRole(parts), startSinkRole({ ...parts, store })]);
  shutdown.onStop('sink', () => sink.stop());
  shutdown.onStop('fold', () => fold.stop());
  const bridge = await startBridgeRole({ ...parts, genesys });
  shutdown.onStop('bridge', () => bridge.stop());
  // A free port, because somebody's own board may have the usual one.
  const board = await startBoard(parts, store, boardOptions({ ...BOARD_DEFAULTS, port: '0' }));
  shutdown.onStop('board', () => board.stop());
  return { bridge, fold, sink, board };
}

type Roles = Awaited<ReturnType<typeof startRoles>>;

/** Shows the addresses: as lines, or below the live table. */
function tellWhere(context: Context, { bridge, board }: Pick<Roles, 'bridge' | 'board'>, where: Where): void {
  const { io, quiet, shutdown } = context;
  if (io.stderr.isTTY === true) {
    io.stderr.write('\r\x1b[K');
    context.redirectLogs(null);
  }
  if (io.stdout.isTTY !== true && !quiet) {
    io.stderr.write(where.map(([label, value]) => `${label.padEnd(10)} ${value}\n`).join(''));
  }
  const view = startLiveView(context, () =>
    boardModel(bridge.rows(), Date.now(), { where, names: bridge.queueNames(), userName: board.userName }),
  );
  shutdown.onStop('view', () => view.stop());
}

/**
 * Other defaults for `start`: a single machine needs less of everything, and nobody should take simulated conversations
 * for real ones.
 */
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
    // Invented people need no privacy.
    ...(simulated ? { NAMES_OF: 'queues,users,skills' } : {}),
  };
  return { ...context, config: withDefaults(config, 'start', defaults) };
}

/** The configuration with the addresses of the started services. */
function withUrls(config: Config, brokers: readonly string[], registry: string): Config {
  return withDefaults(config, 'start', { KAFKA_BROKERS: brokers.join(','), SCHEMA_REGISTRY_URL: registry });
}

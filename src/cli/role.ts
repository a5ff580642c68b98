import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { AwayError, OperatorError } from '../common';
import { type Config, requireGroups } from '../config';
import { type FoldThread, startFoldRole, startFoldThreads, usableCpus } from '../fold';
import { startSinkRole } from '../sink';
import { checkStore, connectStore, type ServerOptions, type Store } from '../store';
import { type Connected, connectKafka, type RoleParts, type RunningRole, tlsMaterial } from '../wiring';
import { begin } from './begin';
import { type Context, type FoldThreadData, tracingOf } from './context';
import { eventsRoutes, serveRoles } from './serve-roles';

/** `queuefold fold` or `sink`: one role in one process. Any number of processes may run. */
export async function runRole(context: Context, name: 'fold' | 'sink'): Promise<void> {
  const starts = {
    fold: (parts: RoleParts) => {
      const count = parts.config.fold.threads ?? usableCpus();
      return count === 1 ? startFoldRole(parts) : Promise.resolve(foldInThreads(context, count, parts));
    },
    sink: async (parts: RoleParts) => {
      store ??= configuredStore(context);
      return withStore(store, (given) => startSinkRole({ ...parts, store: given }));
    },
  };
  let store: Store | null = null;
  const role = await hostRole(context, { name, start: starts[name] });
  await context.shutdown.until(role.done);
}

function foldInThreads({ globals }: Context, count: number, { log, topics, logger }: RoleParts): RunningRole {
  const startThread = (index: number): FoldThread => {
    const workerData: FoldThreadData = { index, globals };
    // The threads do not need the modules that the process was told to load. They load queuefold alone.
    return new Worker(join(__dirname, 'fold-thread.js'), { workerData, execArgv: [] });
  };
  return startFoldThreads({ count, startThread, log, topics, logger });
}

/** ClickHouse may go away between the check and the next step, too. */
export async function withStore<R>(store: Store, start: (store: Store) => Promise<R>): Promise<R> {
  await checkStore(store);
  try {
    return await start(store);
  } catch (error) {
    if (!(error instanceof OperatorError)) await checkStore(store);
    throw error;
  }
}

export interface HostedRole<R extends RunningRole> {
  readonly name: R['name'];
  start(parts: RoleParts): Promise<R>;
}

/**
 * Starts a role in this process, with its metrics and health; the shutdown stops it. It waits for Kafka, the registry and
 * ClickHouse, and for what `setup` has not created yet. Meanwhile the role is not ready.
 * @throws AbortError when the process is stopped before that
 */
export async function hostRole<R extends RunningRole>(context: Context, hosted: HostedRole<R>): Promise<R> {
  const { config, logger, metrics, shutdown } = context;
  const { name } = hosted;
  const tracing = await tracingOf(context);
  const served = await serveRoles(context, { names: [name], routes: eventsRoutes(context) });
  logger.info({ role: name, metrics: `${served.url}/metrics` }, 'starting');
  const running = await begin({
    attempt: () =>
      attemptConnected(context, (connected) => hosted.start({ config, logger, metrics, tracing, ...connected })),
    onWaiting: served.waitsFor,
    signal: shutdown.signal,
    logger: logger.child({ role: name }),
  });
  served.show(running);
  shutdown.onStop(name, () => running.stop());
  return running;
}

/** Makes one attempt, on connections of its own, which close if it fails. An error of Kafka becomes an explanation. */
export async function attemptConnected<R>(
  { config, logger, metrics, shutdown }: Context,
  start: (connected: Connected) => Promise<R>,
): Promise<R> {
  const connected = connectKafka(config, logger, metrics, ONE_TRY);
  const { log } = connected;
  const close = (): Promise<void> => log.close();
  try {
    await log.reach([]);
    const started = await start(connected);
    shutdown.onStop('Kafka clients', close);
    return started;
  } catch (error) {
    await close();
    if (error instanceof OperatorError || !log.isTransient(error)) throw error;
    throw new AwayError(`KAFKA_BROKERS: ${await log.explain(error)}`, { cause: error });
  }
}

/** One attempt at the registry, because the caller waits for it. */
const ONE_TRY = 1;
export function configuredStore({ config, shutdown }: Pick<Context, 'config' | 'shutdown'>): Store {
  const store = connectStore(storeOptions(config));
  shutdown.onStop('ClickHouse client', () => store.close());
  return store;
}

/** The ClickHouse server that the settings name. */
export function storeOptions(config: Config): ServerOptions {
  const { url, username, password, database, tls } = requireGroups(config, ['clickhouse']).clickhouse;
  return {
    ...{ url, username, password: password?.reveal() ?? '', database },
    ...(url.startsWith('https:') ? { tls: tlsMaterial(tls) } : {}),
  };
}

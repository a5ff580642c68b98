import { AwayError, OperatorError } from '../common';
import { type Config, requireGroups } from '../config';
import { startFoldRole } from '../fold';
import { type Answer, checkHealth, type CheckResult, type Checks, livenessOf, type Routes, startOpsHttp } from '../ops';
import { startSinkRole } from '../sink';
import { checkStore, connectStore, type ServerOptions, type Store } from '../store';
import { type Connected, connectKafka, type RoleParts, type RunningRole, tlsMaterial } from '../wiring';
import { begin } from './begin';
import { tracingOf, type Context } from './context';

/** `queuefold fold` or `sink`: one role, a process each, any number of them. */
export async function runRole(context: Context, name: 'fold' | 'sink'): Promise<void> {
  const starts = {
    fold: startFoldRole,
    sink: async (parts: RoleParts) => {
      store ??= configuredStore(context);
      return withStore(store, (given) => startSinkRole({ ...parts, store: given }));
    },
  };
  let store: Store | null = null;
  const role = await hostRole(context, { name, start: starts[name] });
  await context.shutdown.until(role.done);
}

/** ClickHouse may go away between the check and what comes after it, too. */
async function withStore<R>(store: Store, start: (store: Store) => Promise<R>): Promise<R> {
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
  /** Methods of the paths that the role serves; until it is there, the answer is 503. */
  readonly routes?: Readonly<Record<string, readonly string[]>>;
}

/**
 * Starts a role in this process, with its metrics and health; the shutdown stops it. Waits for Kafka, the registry and
 * ClickHouse, not ready meanwhile.
 * @throws AbortError when it is told to stop before
 */
export async function hostRole<R extends RunningRole>(context: Context, hosted: HostedRole<R>): Promise<R> {
  const { config, logger, metrics, shutdown } = context;
  const { name } = hosted;
  const tracing = await tracingOf(context);
  // Health answers from the beginning: not ready, until the role is there.
  let role: R | null = null;
  let waitingFor: string | null = null;
  let alive = (): CheckResult => ({ ok: true, detail: 'starting' });
  const ops = await startOpsHttp({
    ...config.http,
    registry: metrics.served([name]),
    ready: readiness(
      name,
      () => role,
      () => (waitingFor === null ? 'starting' : `waiting: ${waitingFor}`),
    ),
    live: { [name]: () => alive() },
    routes: servedBy(() => role, hosted.routes ?? {}),
    logger,
  });
  shutdown.onStop('metrics and health', () => ops.stop());
  logger.info({ role: name, metrics: `${ops.url}/metrics` }, 'starting');
  const running = await begin({
    attempt: () => attempt(context, (connected) => hosted.start({ config, logger, metrics, tracing, ...connected })),
    onWaiting: (message) => void (waitingFor = message),
    signal: shutdown.signal,
    logger: logger.child({ role: name }),
  });
  role = running;
  alive = livenessOf(running);
  shutdown.onStop(name, () => running.stop());
  return running;
}

/** On connections of its own, which end with it. The first contact is one that explains itself. */
async function attempt<R>(
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

/** Of the registry: it is waited for here. */
const ONE_TRY = 1;
/** Below the time-out of the whole answer, so that the check that does not answer is named. */
const ROLE_CHECK_TIMEOUT_MS = 1_500;

function readiness(name: string, role: () => RunningRole | null, starting: () => string): Checks {
  return {
    [name]: async () => {
      const ready = role()?.ready;
      if (ready === undefined) return { ok: false, detail: starting() };
      const { ok, checks } = await checkHealth(ready, ROLE_CHECK_TIMEOUT_MS);
      const details = Object.entries(checks).map(
        ([check, { ok: well, detail = well ? 'ok' : 'failing' }]) => `${check}: ${detail}`,
      );
      return { ok, detail: details.join('; ') };
    },
  };
}

const STARTING: Answer = {
  status: 503,
  contentType: 'application/json',
  body: '{"error":"starting"}\n',
  headers: { 'retry-after': '5' },
};

function servedBy(role: () => RunningRole | null, routes: Readonly<Record<string, readonly string[]>>): Routes {
  return Object.fromEntries(
    Object.entries(routes).map(([path, methods]) => [
      path,
      { methods, handle: (request) => role()?.routes?.[path]?.handle(request) ?? Promise.resolve(STARTING) },
    ]),
  );
}

export function configuredStore({ config, shutdown }: Pick<Context, 'config' | 'shutdown'>): Store {
  const store = connectStore(storeOptions(config));
  shutdown.onStop('ClickHouse client', () => store.close());
  return store;
}

/** The ClickHouse server as the settings name it. */
export function storeOptions(config: Config): ServerOptions {
  const { url, username, password, database, tls } = requireGroups(config, ['clickhouse']).clickhouse;
  return {
    ...{ url, username, password: password?.reveal() ?? '', database },
    ...(url.startsWith('https:') ? { tls: tlsMaterial(tls) } : {}),
  };
}

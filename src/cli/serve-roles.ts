import {
  type Answer,
  checkHealth,
  type CheckResult,
  type Checks,
  livenessOf,
  mergedWith,
  type OpsHttp,
  type Routes,
  startOpsHttp,
} from '../ops';
import type { RunningRole } from '../wiring';
import type { Context } from './context';

type RoleName = RunningRole['name'];

/** Metrics, health and paths of roles that start later. */
export interface ServedRoles extends Pick<OpsHttp, 'url'> {
  /** What the start waits for, in a sentence. Null: nothing. */
  waitsFor(message: string | null): void;
  /** From now on this role answers by itself. */
  show(role: RunningRole): void;
}

export interface RolesToServe {
  readonly names: readonly RoleName[];
  /** The methods of the paths that the role `from` serves. Until that role is there, the answer is 503. */
  readonly routes: { readonly from: RoleName; readonly methods: Readonly<Record<string, readonly string[]>> };
}

/**
 * Serves health before anything else begins. The process is live, and not ready until a role is there. The shutdown
 * ends it.
 * @throws OperatorError if it cannot listen on the port
 */
export async function serveRoles(
  { config, logger, metrics, shutdown }: Pick<Context, 'config' | 'logger' | 'metrics' | 'shutdown'>,
  { names, routes }: RolesToServe,
): Promise<ServedRoles> {
  const roles = new Map<RoleName, { readonly role: RunningRole; readonly alive: () => CheckResult }>();
  let waiting: string | null = null;
  const roleOf = (name: RoleName) => roles.get(name)?.role ?? null;
  const starting = () => (waiting === null ? 'starting' : `waiting: ${waiting}`);
  const ops = await startOpsHttp({
    ...config.http,
    registry: metrics.served(names),
    merged: async (own) => {
      const others = await Promise.all([...roles.values()].map(({ role }) => role.measured?.() ?? Promise.resolve([])));
      return others.flat().length === 0 ? own : mergedWith(own, others.flat());
    },
    ready: Object.fromEntries(names.map((name) => [name, readiness(() => roleOf(name), starting)])),
    live: Object.fromEntries(names.map((name) => [name, () => roles.get(name)?.alive() ?? STARTING_ALIVE])),
    routes: servedBy(() => roleOf(routes.from), routes.methods),
    logger,
  });
  shutdown.onStop('metrics and health', () => ops.stop());
  return {
    url: ops.url,
    waitsFor: (message) => void (waiting = message),
    show: (role) => void roles.set(role.name, { role, alive: livenessOf(role) }),
  };
}

const STARTING_ALIVE: CheckResult = { ok: true, detail: 'starting' };
/** Less than the time limit of the whole answer, so that the answer names the check that does not respond. */
const ROLE_CHECK_TIMEOUT_MS = 1_500;

function readiness(role: () => RunningRole | null, starting: () => string): Checks[string] {
  return async () => {
    const ready = role()?.ready;
    if (ready === undefined) return { ok: false, detail: starting() };
    const { ok, checks } = await checkHealth(ready, ROLE_CHECK_TIMEOUT_MS);
    const details = Object.entries(checks).map(
      ([check, { ok: well, detail = well ? 'ok' : 'failing' }]) => `${check}: ${detail}`,
    );
    return { ok, detail: details.join('; ') };
  };
}

const STARTING: Answer = {
  status: 503,
  contentType: 'application/json',
  body: '{"error":"starting"}\n',
  headers: { 'retry-after': '5' },
};

function servedBy(role: () => RunningRole | null, methods: Readonly<Record<string, readonly string[]>>): Routes {
  return Object.fromEntries(
    Object.entries(methods).map(([path, allowed]) => [
      path,
      { methods: allowed, handle: (request) => role()?.routes?.[path]?.handle(request) ?? Promise.resolve(STARTING) },
    ]),
  );
}

/** The path of the bridge. Without the secret there is none. */
export function eventsRoutes({ config }: Pick<Context, 'config'>): RolesToServe['routes'] {
  return { from: 'bridge', methods: config.events.secret === undefined ? {} : { '/events': ['POST', 'OPTIONS'] } };
}

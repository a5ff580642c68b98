import type { Prometheus } from '../../support/monitoring/prometheus';
import { startQueuefold } from '../../support/processes/pipeline-processes';
import type { Environment, Role } from '../../support/processes/role-process';

/** Processes of queuefold, and where to look at them. */
export interface Watched {
  readonly roles: readonly Role[];
  /** Where each role serves its metrics and health, whatever process fills it. */
  readonly ports: ReadonlyMap<Role, number>;
  /** The settings of all of them. */
  readonly env: Environment;
}

/** Where an operator looks. */
export interface View<S extends Watched = Watched> {
  readonly stage: S;
  readonly prometheus: Prometheus;
}

/** Something that is to be seen of a fault, or of its absence. */
export interface Sign {
  readonly what: string;
  /** Null: it is seen; else what is seen instead. */
  look(view: View): Promise<string | null>;
}

export type Kind = 'bridge' | 'fold' | 'sink' | 'start';

export interface Health {
  readonly ready: boolean;
  readonly live: boolean;
  /** As `/health/ready` says it. */
  readonly said: string;
}

const TIMEOUT_MS = 5_000;

function rolesOf({ roles }: Watched, kind: Kind): readonly Role[] {
  return roles.filter(({ command }) => command === kind);
}

export async function healthOf({ ports }: Pick<Watched, 'ports'>, role: Role): Promise<Health> {
  const ask = (path: string) =>
    fetch(`http://127.0.0.1:${ports.get(role)}/health/${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  try {
    const [ready, live] = await Promise.all([ask('ready'), ask('live')]);
    await live.body?.cancel();
    return { ready: ready.ok, live: live.ok, said: await ready.text() };
  } catch (error) {
    return { ready: false, live: false, said: String(error) };
  }
}

/** Every process of the kind is live and not ready, and says why. */
export function unready(kind: Kind, why: RegExp): Sign {
  return {
    what: `${kind}: live, not ready because of ${why.source}`,
    look: (view) => eachHealth(view, kind, ({ live, ready, said }) => live && !ready && why.test(said)),
  };
}

/** Every process of the kind has ended, and its last words tell why. */
export function ended(kind: Kind, code: number, why: RegExp): Sign {
  return {
    what: `${kind}: ended with ${code} because of ${why.source}`,
    look: ({ stage }) => {
      const others = rolesOf(stage, kind).filter((role) => role.endedWith() !== code || !why.test(role.tail()));
      return Promise.resolve(others.length === 0 ? null : others.map((role) => role.tail()).join('\n'));
    },
  };
}

/** What is not broken goes on. */
export function ready(...kinds: readonly Kind[]): Sign {
  return {
    what: `${kinds.join(', ')}: ready`,
    look: async (view) => {
      for (const kind of kinds) {
        const instead = await eachHealth(view, kind, (health) => health.live && health.ready);
        if (instead !== null) return instead;
      }
      return null;
    },
  };
}

async function eachHealth({ stage }: View, kind: Kind, isMeant: (health: Health) => boolean): Promise<string | null> {
  for (const role of rolesOf(stage, kind)) {
    const health = await healthOf(stage, role);
    if (!isMeant(health)) return `${role.name}: ${JSON.stringify(health)}`;
  }
  return null;
}

export interface Alert {
  readonly name: string;
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
}

export async function alertsOf(prometheus: Prometheus): Promise<readonly Alert[]> {
  const { alerts } = (await prometheus.api('alerts')) as {
    alerts: readonly { state: Alert['state']; labels: Record<string, string> }[];
  };
  return alerts.map(({ state, labels: { alertname = '', ...labels } }) => ({ name: alertname, state, labels }));
}

export function firing(name: string, labels: Readonly<Record<string, string>> = {}): Sign {
  return {
    what: `alert ${name} ${JSON.stringify(labels)}`,
    look: async ({ prometheus }) => {
      const alerts = await alertsOf(prometheus);
      const found = alerts.some(
        (alert) =>
          alert.name === name &&
          alert.state === 'firing' &&
          Object.entries(labels).every(([label, value]) => alert.labels[label] === value),
      );
      return found ? null : `alerts ${JSON.stringify(alerts)}`;
    },
  };
}

export function metric(promql: string, isMeant: (value: number) => boolean): Sign {
  return {
    what: promql,
    look: async ({ prometheus }) => {
      const values = (await prometheus.query(promql)).map(({ value }) => value);
      return values.some(isMeant) ? null : `${promql} is ${values.join(', ') || 'empty'}`;
    },
  };
}

/** One of the processes has logged it since the drill began; `about`: and says so in the line. */
export function logged(kind: Kind, message: string, about = /^/): Sign {
  const before = new WeakMap<Role, number>();
  return {
    what: `${kind} logs "${message}", about ${about.source}`,
    look: ({ stage }) => {
      const roles = rolesOf(stage, kind);
      for (const role of roles) if (!before.has(role)) before.set(role, role.said(message));
      const saying = roles.filter((role) => role.said(message) > (before.get(role) ?? 0));
      const lines = saying.flatMap((role) => role.tail().split('\n')).filter((line) => line.includes(message));
      if (lines.some((line) => about.test(line))) return Promise.resolve(null);
      return Promise.resolve(`${kind}: ${lines.at(-1) ?? 'nothing like it in the log'}`);
    },
  };
}

/** `queuefold doctor` with the settings of such a process. */
export function doctorSays(kind: Kind, line: RegExp): Sign {
  return {
    what: `the doctor of ${kind} says ${line.source}`,
    look: async ({ stage }) => {
      const doctor = startQueuefold(['doctor', '--role', kind], stage.env);
      await doctor.done().catch(() => undefined); // it ends with 1 where something fails
      return line.test(doctor.stdout()) ? null : doctor.stdout();
    },
  };
}

import { createRandom } from '../random';
import { FAULT_KINDS, FAULTS, type FaultKind } from './all-faults';
import type { End, Levers } from './fault';

export interface FaultRequest {
  readonly kind: FaultKind;
  /** Unset: until somebody ends it. Faults without a duration need none. */
  readonly forMs?: number | undefined;
  /** The same seed hits the same targets; default 1. */
  readonly seed?: number | undefined;
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

export interface FaultStatus {
  readonly active: readonly {
    readonly kind: FaultKind;
    readonly parameters: Readonly<Record<string, unknown>>;
    readonly since: string;
    /** Null: until somebody ends it. */
    readonly until: string | null;
  }[];
  /** How often each kind was begun, and how many requests, frames, sockets, … it hit. */
  readonly counts: Readonly<Record<FaultKind, { readonly begun: number; readonly hits: number }>>;
  /** See `Delivery.stale`. */
  readonly stale: readonly string[];
}

export interface Faults {
  /**
   * One fault of each kind at a time: a second begin ends the first.
   * @throws ZodError for parameters that the kind does not have
   */
  begin(request: FaultRequest): void;
  /** False: it was not running. */
  end(kind: FaultKind): boolean;
  endAll(): void;
  status(): FaultStatus;
}

interface Active {
  readonly end: End;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly since: number;
  readonly until: number | null;
  readonly timer: NodeJS.Timeout | undefined;
}

export function createFaults(levers: Levers): Faults {
  const active = new Map<FaultKind, Active>();
  const counts = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, { begun: 0, hits: 0 }])) as Record<
    FaultKind,
    { begun: number; hits: number }
  >;

  function end(kind: FaultKind): boolean {
    const one = active.get(kind);
    if (!one) return false;
    active.delete(kind);
    clearTimeout(one.timer);
    one.end();
    return true;
  }

  return {
    begin({ kind, forMs, seed = 1, parameters = {} }) {
      end(kind);
      const random = createRandom(seed, FAULT_KINDS.indexOf(kind));
      const hit = (count = 1): void => void (counts[kind].hits += count);
      const ending = FAULTS[kind].begin({ levers, random, hit }, parameters);
      counts[kind].begun += 1;
      if (ending === null) return;
      const since = Date.now();
      const timer = forMs === undefined ? undefined : setTimeout(() => end(kind), forMs);
      active.set(kind, { end: ending, parameters, since, until: forMs === undefined ? null : since + forMs, timer });
    },
    end,
    endAll() {
      for (const kind of [...active.keys()]) end(kind);
    },
    status: () => ({
      active: [...active].map(([kind, { parameters, since, until }]) => ({
        kind,
        parameters,
        since: new Date(since).toISOString(),
        until: until === null ? null : new Date(until).toISOString(),
      })),
      counts: structuredClone(counts),
      stale: levers.delivery.stale(),
    }),
  };
}

import { createRandom } from '../random';
import { FAULT_KINDS, type FaultKind } from './all-faults';
import type { Faults } from './running';

export interface PlanOptions {
  readonly seed: number;
  readonly lengthMs: number;
  /** One fault and the quiet phase after it. It is shorter if otherwise some kind would have no turn. */
  readonly slotMs?: number | undefined;
  readonly kinds?: readonly FaultKind[] | undefined;
}

export interface PlannedFault {
  /** From the beginning of the plan. */
  readonly atMs: number;
  readonly kind: FaultKind;
  readonly forMs: number;
  readonly seed: number;
}

const MINUTE_MS = 60_000;

/**
 * Plans the faults and their durations: every kind at least once, one after the other, in an order that the seed
 * decides. After each follows a quiet phase of at least the same length, so that a client's recovery can be seen. The
 * same options give the same plan.
 */
export function createFaultPlan(options: PlanOptions): readonly PlannedFault[] {
  const { seed, lengthMs, kinds = FAULT_KINDS } = options;
  const slotMs = Math.min(options.slotMs ?? MINUTE_MS, lengthMs / kinds.length);
  const random = createRandom(seed);
  const between = (least: number, most: number): number =>
    Math.round(slotMs * (least + random.fraction() * (most - least)));
  const slots = Math.floor(lengthMs / slotMs + 1e-9);
  const order: FaultKind[] = [];
  while (order.length < slots) {
    const left = [...kinds];
    while (left.length > 0) order.push(...left.splice(random.integer(0, left.length - 1), 1));
  }
  return order.slice(0, slots).map((kind, index) => ({
    atMs: Math.round(index * slotMs) + between(0, 0.1),
    kind,
    forMs: between(0.15, 0.45),
    seed: random.integer(0, 0xffff_ffff),
  }));
}

/**
 * Begins the faults of a plan in time, and calls `onEnd` after the last one's quiet phase.
 * @returns a function that ends the plan and its present fault
 */
export function runFaultPlan(
  faults: Faults,
  plan: readonly PlannedFault[],
  onEnd: () => void = () => undefined,
): () => void {
  const begun = new Set<FaultKind>();
  const last = plan.at(-1);
  const timers = plan.map(({ atMs, kind, forMs, seed }) =>
    setTimeout(() => {
      begun.add(kind);
      faults.begin({ kind, forMs, seed });
    }, atMs),
  );
  timers.push(setTimeout(onEnd, last ? last.atMs + 2 * last.forMs : 0));
  return () => {
    for (const timer of timers) clearTimeout(timer);
    for (const kind of begun) faults.end(kind);
  };
}

/** Runs one plan after another, each with another seed. @returns a function that ends it */
export function runFaultPlansForEver(faults: Faults, { seed, slotMs }: { seed: number; slotMs: number }): () => void {
  let stop = (): void => undefined;
  function next(round: number): void {
    const plan = createFaultPlan({ seed: seed + round, slotMs, lengthMs: slotMs * FAULT_KINDS.length });
    stop = runFaultPlan(faults, plan, () => next(round + 1));
  }
  next(0);
  return () => stop();
}

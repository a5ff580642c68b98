import { createRandom } from '../random';
import type { Faults } from './running';
import { FAULT_KINDS, type FaultKind } from './index';

export interface PlanOptions {
  readonly seed: number;
  readonly lengthMs: number;
  /** One fault and the quiet after it; less, where otherwise not every kind would have its turn. */
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
 * When what goes wrong, and for how long: every kind at least once, in an order of the seed's, one after the other, and
 * after each at least as long a quiet phase, so that a client can be seen to recover. The same options, the same plan.
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
 * Begins the faults of a plan in time; `onEnd` after the quiet phase of the last.
 * @returns ends it, and what is going on of it
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

/** One plan after another, each of another seed. @returns ends it */
export function runFaultPlansForEver(faults: Faults, { seed, slotMs }: { seed: number; slotMs: number }): () => void {
  let stop = (): void => undefined;
  function next(round: number): void {
    const plan = createFaultPlan({ seed: seed + round, slotMs, lengthMs: slotMs * FAULT_KINDS.length });
    stop = runFaultPlan(faults, plan, () => next(round + 1));
  }
  next(0);
  return () => stop();
}

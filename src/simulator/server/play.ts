import type { Emission, Organisation } from '../organisation';

export interface Player {
  pause(): void;
  resume(): void;
  readonly isPaused: boolean;
  /** How far the organization's time is ahead of the clock, ms; below 0: behind. */
  aheadMs(): number;
  stop(): void;
}

/** How many steps to take before sockets and requests get their turn. */
const STEPS_AT_ONCE = 200;
const LONGEST_WAIT_MS = 1_000;

/**
 * Plays an organization against a clock: virtual time runs `speed` times as fast, and stops while paused.
 * @param startAt the virtual time of the beginning
 */
export function play(
  organisation: Organisation,
  { speed, clock, startAt }: { speed: number; clock: () => number; startAt: number },
  onEmission: (emission: Emission) => void,
): Player {
  let virtualBase = startAt;
  let realBase = clock();
  let paused = false;
  let timer: NodeJS.Timeout | undefined;

  const virtualNow = (): number => virtualBase + (clock() - realBase) * speed;

  function run(): void {
    const until = virtualNow();
    let next = organisation.nextAt();
    for (let steps = 0; steps < STEPS_AT_ONCE && next !== null && next <= until; steps += 1) {
      for (const emission of organisation.step()) onEmission(emission);
      next = organisation.nextAt();
    }
    const waitMs = next === null ? LONGEST_WAIT_MS : (next - virtualNow()) / speed;
    timer = setTimeout(run, Math.min(LONGEST_WAIT_MS, Math.max(0, waitMs)));
  }

  function halt(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  run();
  return {
    get isPaused() {
      return paused;
    },
    aheadMs: () => (paused ? virtualBase : virtualNow()) - clock(),
    pause() {
      if (paused) return;
      paused = true;
      virtualBase = virtualNow();
      halt();
    },
    resume() {
      if (!paused) return;
      paused = false;
      realBase = clock();
      run();
    },
    stop: halt,
  };
}

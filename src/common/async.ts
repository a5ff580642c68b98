/** With a longer delay, `setTimeout` fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A level-triggered wake-up for one waiting loop: notifications before the next wait count as one. */
export interface Signal {
  notify(): void;
  /** Resolves at the next notification, or after `timeoutMs`. */
  wait(timeoutMs?: number): Promise<void>;
}

export function createSignal(): Signal {
  let raised = false;
  let wake: (() => void) | null = null;
  return {
    notify() {
      raised = true;
      wake?.();
    },
    async wait(timeoutMs) {
      if (!raised) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (timeoutMs !== undefined) timer = setTimeout(resolve, Math.min(timeoutMs, LONGEST_TIMER_MS));
        });
        clearTimeout(timer);
        wake = null;
      }
      raised = false;
    },
  };
}

/**
 * Waits for the work to end in either way, but no longer than `ms`: a process that stops does not wait for a log that
 * is away.
 */
export async function atMost(ms: number, work: Promise<unknown> | null | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work?.catch(() => undefined), late]);
  clearTimeout(timer);
}

/** The pause after so many failures in a row: `firstMs`, then twice as long each time, `lastMs` at most. */
export function backoffMs(failures: number, firstMs: number, lastMs: number): number {
  return Math.min(lastMs, firstMs * 2 ** (failures - 1));
}

/** Between half of `ms` and all of it, so that processes that failed together do not try again together. */
export function jittered(ms: number): number {
  return ms / 2 + Math.random() * (ms / 2);
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** `Promise.withResolvers`, which Node.js 20 lacks. A rejection without a listener is no error. */
export function createDeferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** A limit for each second. A burst may use all of it at once. */
export interface RateLimit {
  /** How long to wait until more is allowed, ms. 0: it is allowed now. */
  waitMs(): number;
  /**
   * Counts what was let through. It may exceed the rest, because the size is known only afterwards. Others then wait.
   */
  spend(amount: number): void;
}

/** @param now a clock in milliseconds that never runs back */
export function createRateLimit(perSecond: number, now: () => number = () => performance.now()): RateLimit {
  let left = perSecond;
  let at = now();
  const refill = (): void => {
    const time = now();
    left = Math.min(perSecond, left + ((time - at) * perSecond) / 1_000);
    at = time;
  };
  return {
    waitMs: () => {
      refill();
      return left >= 1 ? 0 : Math.ceil(((1 - left) * 1_000) / perSecond);
    },
    spend: (amount) => {
      refill();
      left -= amount;
    },
  };
}

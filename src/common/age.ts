/** The time since a moment, ms. */
export type Age = () => number;

/**
 * The clock that shows the longer time counts: the steady clock stands still while the machine sleeps, and the clock of
 * the machine may be set back.
 */
export function createAge(): Age {
  const [wall, steady] = [Date.now(), performance.now()];
  return () => Math.max(Date.now() - wall, performance.now() - steady);
}

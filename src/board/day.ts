/**
 * Returns a function: the last midnight in a time zone (IANA name) before an instant, epoch ms; also across clock
 * changes.
 */
export function dayStartIn(timeZone: string): (now: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  type Part = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second';
  const partsOf = (at: number): Readonly<Record<Part, number>> =>
    Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)])) as Record<
      Part,
      number
    >;
  const offsetAt = (at: number): number => {
    const { year, month, day, hour, minute, second } = partsOf(at);
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1_000) * 1_000;
  };
  return (now) => {
    const { year, month, day } = partsOf(now);
    const midnight = Date.UTC(year, month - 1, day);
    // The offset at midnight may differ from the present one.
    return midnight - offsetAt(midnight - offsetAt(now));
  };
}

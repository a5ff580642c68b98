const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/**
 * Rules with durations that are so many times shorter: nobody waits 15 minutes for an alert. `for: 5m`, `[15m:1m]` and
 * the limit of an age (`time() - x > 120`) are durations; nothing below a second is seen by a Prometheus.
 */
export function shortened(rules: string, divisor: number): string {
  const shorter = (seconds: number): number => Math.max(1, Math.round(seconds / divisor));
  const duration = (text: string): string =>
    text.replace(
      /(\d+)([smhd])/g,
      (_, number: string, unit: string) => `${shorter(Number(number) * (SECONDS[unit] ?? 1))}s`,
    );
  return rules
    .replace(/\bfor: \d+[smhd]\b/g, duration)
    .replace(/\[\d+[smhd](:\d*[smhd]?)?\]/g, duration)
    .replace(
      /(time\(\) - [^>\n]+ > )(\d+)/g,
      (_, before: string, seconds: string) => `${before}${shorter(Number(seconds))}`,
    );
}

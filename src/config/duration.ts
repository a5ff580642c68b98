const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * `500ms`, `90s`, `15m`, `1.5h`, `7d` → milliseconds; null if the text is no duration or no whole number of
 * milliseconds.
 */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text);
  if (match === null) return null;
  const [, amount, unit] = match;
  const milliseconds = Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return Number.isSafeInteger(milliseconds) ? milliseconds : null;
}

/** The shortest spelling that `parseDuration` reads back. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (milliseconds >= UNIT_MS[unit] && milliseconds % UNIT_MS[unit] === 0) {
      return `${milliseconds / UNIT_MS[unit]}${unit}`;
    }
  }
  return `${milliseconds}ms`;
}

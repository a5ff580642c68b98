import { messageOf } from '../common';

/** The present state of one thing that health depends on. */
export interface CheckResult {
  readonly ok: boolean;
  /** For people: what is missing. No personal data, no addresses with credentials. */
  readonly detail?: string;
}

/** By name, e.g. `tasks`, `clickhouse`. A check that throws or takes too long has failed. */
export type Checks = Readonly<Record<string, () => CheckResult | Promise<CheckResult>>>;

export interface Health {
  readonly ok: boolean;
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** True if all checks hold. A role without checks is well as long as it answers. */
export async function checkHealth(checks: Checks, timeoutMs: number): Promise<Health> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await checked(check, timeoutMs)] as const),
  );
  return { ok: results.every(([, { ok }]) => ok), checks: Object.fromEntries(results) };
}

async function checked(check: Checks[string], timeoutMs: number): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, detail: `no answer within ${timeoutMs} ms` }), timeoutMs);
  });
  try {
    return await Promise.race([(async () => check())(), late]);
  } catch (error) {
    return { ok: false, detail: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** The work that the process exists for. */
export interface Living {
  /** Settles when the work has ended. */
  readonly done: Promise<unknown>;
  readonly live?: () => CheckResult;
}

/**
 * Live: a restart would not help. An answer alone shows that the event loop turns. Beyond that, the work of the process
 * must not have ended, nor hang (`live`). Dependencies never count.
 */
export function livenessOf({ done, live = () => ({ ok: true }) }: Living): () => CheckResult {
  let ended = false;
  const end = (): void => void (ended = true);
  done.then(end, end);
  return () => (ended ? { ok: false, detail: 'it has ended, but its process still runs' } : live());
}

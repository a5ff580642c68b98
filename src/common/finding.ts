import { messageOf } from './errors';

/**
 * What a check of `queuefold doctor` found, as one line for a person. It contains nothing secret and nothing personal.
 */
export interface Finding {
  /** What was checked, for example `genesys clock`. */
  readonly name: string;
  readonly outcome: Outcome;
  readonly detail: string;
  /** What to do. Null: nothing. */
  readonly remedy: string | null;
}

export type Outcome = 'ok' | 'warning' | 'failed' | 'skipped';

export type Findings = readonly Finding[];

export const ok = (name: string, detail: string): Finding => ({ name, outcome: 'ok', detail, remedy: null });

export const warning = (name: string, detail: string, remedy: string): Finding => ({
  name,
  outcome: 'warning',
  detail,
  remedy,
});

export const failed = (name: string, detail: string, remedy: string | null): Finding => ({
  name,
  outcome: 'failed',
  detail,
  remedy,
});

/** @param detail why the check was skipped */
export const skipped = (name: string, detail: string): Finding => ({ name, outcome: 'skipped', detail, remedy: null });

/** The time limit of a check. */
const CHECK_LIMIT_MS = 20_000;

export interface CheckOptions {
  readonly name: string;
  readonly limitMs?: number;
  /** What to do if the check takes too long or fails unexpectedly. */
  readonly remedy: string | null;
}

/** Runs one check and returns its findings. A check that throws or takes too long has failed. Never rejects. */
export async function check(
  { name, limitMs = CHECK_LIMIT_MS, remedy }: CheckOptions,
  look: () => Promise<Finding | Findings>,
): Promise<Findings> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => resolve(failed(name, `no answer in ${limitMs} ms`, remedy)), limitMs);
  });
  try {
    const found = await Promise.race([look(), late]);
    return 'outcome' in found ? [found] : found;
  } catch (error) {
    return [failed(name, messageOf(error), remedy)];
  } finally {
    clearTimeout(timer);
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../src/common';

const POLL_MS = 100;

/**
 * How long a test waits between two checks, if a check itself asks a broker or a database: short at first, and longer
 * if the condition takes its time.
 */
export async function pauseAfter(checks: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.min(10 * 1.3 ** checks, 100)));
}

/** Waits for a condition. If it never holds, the test's own timeout ends the wait. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let checks = 0; !(await condition()); checks++) await pauseAfter(checks);
}

/** Waits for a condition. If it cannot be checked yet (a broker is away), checks again. */
export async function until(what: string, limitMs: number, ask: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + limitMs;
  let problem = '';
  for (;;) {
    try {
      if (await ask()) return;
      problem = '';
    } catch (error) {
      if (error instanceof EndedError) throw error;
      problem = ` (${messageOf(error)})`;
    }
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain for: ${what}${problem}`);
    await sleep(POLL_MS);
  }
}

/** A process ended on its own, so every further wait is useless. */
export class EndedError extends Error {}

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../src/common';

const POLL_MS = 100;

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

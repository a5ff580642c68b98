import { randomUUID } from 'node:crypto';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

const KEY = 'queuefold.process';

/**
 * The same id in all threads that this one starts after the first call. No other process has it; a host name and a pid
 * would not do, because two containers may have the same host name, and both have process 1.
 */
export function processId(): string {
  const known = getEnvironmentData(KEY);
  if (typeof known === 'string') return known;
  const id = randomUUID();
  setEnvironmentData(KEY, id);
  return id;
}

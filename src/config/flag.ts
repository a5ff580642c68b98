import { UsageError } from '../common';
import type { Kind } from './kinds';

/**
 * The value of a flag of the command line, checked as a setting is.
 * @param flag as people write it, e.g. `--rate`
 * @throws UsageError that names the flag, what was given and what is allowed
 */
export function readFlag<T>(flag: string, { schema, allowed }: Kind<T>, given: string): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ message }) => message).join(', ');
  throw new UsageError(`${flag}: ${wrong}; allowed: ${allowed}`);
}

import { UsageError } from '../common';
import type { Kind } from './kinds';

/**
 * Reads the value of a command-line flag with the checks of a setting.
 * @param flag as people write it, e.g. `--rate`
 * @throws UsageError that names the flag, the given value and the allowed values
 */
export function readFlag<T>(flag: string, { schema, allowed }: Kind<T>, given: string): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ message }) => message).join(', ');
  throw new UsageError(`${flag}: ${wrong}; allowed: ${allowed}`);
}

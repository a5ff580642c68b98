import { type Limits, type Outcome, parseLine, readWire } from '../../../src/conversation';

/** Reads one line of a recording, without its `\n` (specification, section 2, "Text"), as the ways into Kafka do. */
export function readLine(
  line: Uint8Array,
  now: number,
  limits?: Limits,
): (Outcome & { readonly parsed?: unknown }) | null {
  const parsed = parseLine(line);
  if (parsed === null || 'kind' in parsed) return parsed;
  return { ...readWire(parsed.value, now, limits), parsed: parsed.value };
}

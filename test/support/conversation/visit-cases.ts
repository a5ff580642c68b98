/** The worked cases of the specification of queue_visit. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const VISIT_CASES = join(__dirname, '../../fixtures/visit-cases');

export const visitCases = (): string[] =>
  readdirSync(VISIT_CASES)
    .filter((file) => file.endsWith('.input.ndjson'))
    .map((file) => file.replace('.input.ndjson', ''));

export const linesOf = (name: string, part: 'input' | 'expected'): string[] =>
  readFileSync(join(VISIT_CASES, `${name}.${part}.ndjson`), 'utf8')
    .split('\n')
    .filter((line) => line !== '');

type Printed = Readonly<Record<string, string | number | boolean | null>>;

/** The last version of each visit, in the order of `--print visits`. */
export function lastVisits(written: readonly Printed[]): Printed[] {
  const last = new Map<string, Printed>();
  for (const visit of written) last.set(JSON.stringify([visit['conversation_id'], visit['participant_id']]), visit);
  const bytes = (visit: Printed, column: string): Buffer => Buffer.from(String(visit[column]));
  return [...last.values()].sort(
    (a, b) =>
      Buffer.compare(bytes(a, 'conversation_id'), bytes(b, 'conversation_id')) ||
      Date.parse(String(a['entered_time'])) - Date.parse(String(b['entered_time'])) ||
      Buffer.compare(bytes(a, 'participant_id'), bytes(b, 'participant_id')),
  );
}

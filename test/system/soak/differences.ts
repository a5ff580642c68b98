import { isDeepStrictEqual } from 'node:util';
import { printableRow, STATE_COLUMNS } from '../../../src/conversation';
import type { TruthRow } from '../../../src/simulator';
import type { Stage } from './stage';

/** A conversation of which the table and the organisation tell different things. */
export interface Difference {
  readonly id: string;
  readonly expected: TruthRow | null;
  readonly found: Readonly<Record<string, unknown>> | null;
}

export interface Differences {
  now(): readonly Difference[];
  /** Those that have been there for a second, with nothing new at the organisation: not only on their way. */
  lasting(): readonly Difference[];
}

/** All columns that the organisation knows: the db_ columns depend on who listened. */
const COLUMNS = STATE_COLUMNS.filter((column) => !column.startsWith('db_'));

/**
 * A conversation that ended and was re-opened while nobody listened keeps its connected time: the organisation knows
 * that it had ended, and no snapshot tells.
 */
function isSame(expected: TruthRow | null, found: Difference['found']): boolean {
  if (expected === null || found === null) return expected === found;
  const connected = found['connected_time'];
  const isReopened = typeof connected === 'string' && connected < expected.connected_time;
  return isDeepStrictEqual(isReopened ? { ...expected, connected_time: connected } : expected, found);
}

const ON_THE_WAY_MS = 1_000;

export function createDifferences({ simulator, table }: Pick<Stage, 'simulator' | 'table'>): Differences {
  let before = new Map<string, { readonly expected: TruthRow | null; readonly since: number }>();

  function now(): readonly Difference[] {
    const truth = new Map(simulator.truth().conversations.map((row) => [row.conversation_id, row]));
    const rows = new Map([...table.rows()].map((row) => [row.conversation_id, printableRow(row, COLUMNS)]));
    return [...new Set([...truth.keys(), ...rows.keys()])].flatMap((id) => {
      const [expected, found] = [truth.get(id) ?? null, rows.get(id) ?? null];
      return isSame(expected, found) ? [] : { id, expected, found };
    });
  }

  return {
    now,
    lasting() {
      const at = Date.now();
      const differences = now();
      before = new Map(
        differences.map(({ id, expected }) => {
          const known = before.get(id);
          return [id, known && isDeepStrictEqual(known.expected, expected) ? known : { expected, since: at }];
        }),
      );
      return differences.filter(({ id }) => at - (before.get(id)?.since ?? at) >= ON_THE_WAY_MS);
    },
  };
}

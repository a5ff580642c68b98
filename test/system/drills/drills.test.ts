import { expect, test } from '@jest/globals';
import { runDrills } from './run';

const SEED = 1;
const LIMIT_MS = 1_200_000;
/** `npm run drills` carries all of them out. */
const SHORT = [
  'ClickHouse’s certificate has expired',
  'the bridges are cut off from Genesys',
  'a rolling restart of all roles',
];

test(
  'what an operator sees of a fault is what the runbook says, and nothing is lost or doubled by it',
  async () => {
    const said: string[] = [];
    const result = await runDrills({ seed: SEED, only: SHORT, say: (text) => said.push(text) }).catch(
      (error: unknown) => {
        throw new Error(said.join('\n'), { cause: error });
      },
    );
    expect(result.drills.map(({ name, problems }) => ({ name, problems }))).toEqual(
      SHORT.map((name) => ({ name, problems: [] })),
    );
    expect(result.comparison?.differences).toEqual([]);
    expect(result.comparison?.records).toBeGreaterThan(500);
  },
  LIMIT_MS,
);

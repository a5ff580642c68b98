import { expect, test } from '@jest/globals';
import { runSoak } from './soak';

const SEED = 20260302;
const LIMIT_MS = 900_000;

test(
  'whatever happens to the connection, after it is over the table becomes what the organisation says',
  async () => {
    const said: string[] = [];
    const result = await runSoak({
      ...{ seed: SEED, minutes: 0.5, leastRounds: 3, acceleration: 20, conversationsPerSecond: 1, patience: 10 },
      say: (text) => void said.push(text),
    });
    const { seed, differences, breaches } = result;
    expect({ seed, differences, breaches, said }).toEqual({ seed: SEED, differences: [], breaches: [], said });
    expect(result.gaps).toBeGreaterThan(1);
    expect(Object.keys(result.faults).length).toBeGreaterThan(8);
    expect(result.reconciled).toMatchObject({ snapshot: expect.any(Number), gone: expect.any(Number) });
  },
  LIMIT_MS,
);

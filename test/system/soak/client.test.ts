import { expect, test } from '@jest/globals';
import { runClientSoak } from './client';

const LIMIT_MS = 600_000;

test(
  'whatever happens to three brokers and the topic, at every quiet moment the client’s table is the topic',
  async () => {
    const said: string[] = [];
    const result = await runClientSoak({ seed: 20260302, minutes: 0, say: (text) => void said.push(text) });
    expect({ said, differences: result.differences }).toEqual({ said, differences: [] });
    expect(Object.values(result.rounds).every((count) => count > 0)).toBe(true);
    expect(result.resets).toBe(result.rounds.remake);
    expect(result.leaderMoves).toBeGreaterThan(0);
    expect(result.skippedRecords).toBeGreaterThanOrEqual(1);
    expect(result.transactions.aborted).toBeGreaterThan(0);
    expect(result.changes.slow).toBeLessThanOrEqual(result.changes.fast);
  },
  LIMIT_MS,
);

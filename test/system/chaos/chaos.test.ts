import { expect, test } from '@jest/globals';
import { runChaos } from './chaos';

const SEED = 20260302;
const LIMIT_MS = 1_200_000;

test(
  'whatever is killed, stopped and woken, both topics hold what an undisturbed fold makes, and both tables hold what the topics say',
  async () => {
    const said: string[] = [];
    const say = (text: string) => void said.push(text);
    const result = await runChaos({ seed: SEED, kills: 5, minutes: 0, conversationsPerSecond: 1, speed: 10, say });
    expect({ seed: result.seed, differences: result.differences }).toEqual({ seed: SEED, differences: [] });
    expect(result.events).toBeGreaterThan(1_000);
    expect(result.records).toBeGreaterThan(500);
    expect(result.visits).toBeGreaterThan(50);
    expect(result.faults).toHaveLength(8);
    expect(result.sightings.map(({ fault }) => fault).sort()).toEqual(['early-zombie', 'zombie']);
    expect(result.sightings.every(({ fenced, rejoined }) => fenced + rejoined > 0)).toBe(true);
  },
  LIMIT_MS,
);

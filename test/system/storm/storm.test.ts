import { availableParallelism, loadavg } from 'node:os';
import { expect, test } from '@jest/globals';
import { problemsOf } from './bounds';
import { runStorm } from './storm';

const SEED = 20261128;
const LIMIT_MS = 600_000;
/** The bounds are of a machine that keeps up: one that has several times its work takes so much longer. */
const factor = (): number => 4 * Math.max(1, Math.max(...loadavg()) / availableParallelism());

test(
  'in a storm of faults no partition pauses for long, partitions without a fault continue, and no record differs',
  async () => {
    const said: string[] = [];
    const result = await runStorm({
      ...{ seed: SEED, seconds: 40, conversationsPerSecond: 0.5, speed: 10 },
      say: (text) => void said.push(text),
    });
    expect({ seed: SEED, differences: result.differences }).toEqual({ seed: SEED, differences: [] });
    expect(result.events).toBeGreaterThan(500);
    expect(result.faults).toBeGreaterThan(2);
    expect({ problems: problemsOf(result, factor()), text: result.text }).toMatchObject({ problems: [] });
    expect(result.text).toContain('first after');
    expect(result.svg).toContain('<svg');
  },
  LIMIT_MS,
);

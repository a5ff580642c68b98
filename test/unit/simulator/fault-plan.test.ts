import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createFaultPlan, FAULT_KINDS } from '../../../src/simulator';

const options = fc.record({
  seed: fc.nat(),
  lengthMs: fc.integer({ min: 10_000, max: 6 * 3_600_000 }),
  slotMs: fc.option(fc.integer({ min: 1_000, max: 600_000 }), { nil: undefined }),
});

describe('a plan of faults', () => {
  test('is the same for the same seed, and another for another', () => {
    const plan = (seed: number) => createFaultPlan({ seed, lengthMs: 3_600_000 });
    expect(plan(7)).toEqual(plan(7));
    expect(plan(8).map(({ kind }) => kind)).not.toEqual(plan(7).map(({ kind }) => kind));
  });

  test('visits every kind, however short it is', () => {
    fc.assert(
      fc.property(options, (given) => {
        expect(new Set(createFaultPlan(given).map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
      }),
    );
  });

  test('has one fault at a time, each followed by a quiet phase that is at least as long, and ends in time', () => {
    fc.assert(
      fc.property(options, (given) => {
        const plan = createFaultPlan(given);
        const wrong = plan.filter(({ atMs, forMs }, index) => {
          const next = plan[index + 1]?.atMs ?? given.lengthMs;
          // Times are rounded to whole milliseconds.
          return forMs <= 0 || next - atMs < 2 * forMs - 3;
        });
        expect(wrong).toEqual([]);
      }),
    );
  });

  test('of an hour has a fault a minute', () => {
    expect(createFaultPlan({ seed: 1, lengthMs: 3_600_000 })).toHaveLength(60);
  });

  test('of some kinds has only those', () => {
    const plan = createFaultPlan({ seed: 1, lengthMs: 600_000, kinds: ['forbidden', 'clock-skew'] });
    expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(['forbidden', 'clock-skew']));
  });
});

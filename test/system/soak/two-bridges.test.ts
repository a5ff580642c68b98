import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { DEFAULT_RECONCILIATION } from '../../../src/genesys';
import { createRandom } from '../../support/processes/random';
import { until } from '../../support/processes/until';
import { createDifferences } from './differences';
import { setStage } from './stage';

const SEED = 4;
const KILLS = 6;
/**
 * Low: at ten times the clock, a busy machine brings copies more than 10 s late in the organisation's time, and loses more than
 * what went back.
 */
const ACCELERATION = 3;
const LIMIT_MS = 600_000;
/** Only a table that never becomes true takes as long. */
const TRUE_WITHIN_MS = 120_000;
/** No bridge looks at the organisation without a gap: what comes true does so by notifications. */
const NEVER_MS = 7 * 24 * 60 * 60_000;

test(
  'of two bridges on the same queues one is killed at random: the table is true without it, and the other had no gap',
  async () => {
    const stage = await setStage({
      seed: SEED,
      acceleration: ACCELERATION,
      conversationsPerSecond: 10,
      compareEveryMs: NEVER_MS,
      // The fold's clock is nobody's but its own: an answer within 10 s of it would be a duplicate.
      againAfterMs: DEFAULT_RECONCILIATION.againAfterMs * ACCELERATION,
    });
    const { simulator, bridge, peer } = stage;
    try {
      await stage.start();
      peer.start();
      await until('the second bridge to be ready', LIMIT_MS, () => peer.last().ready);
      const random = createRandom(SEED);
      simulator.resume();
      let before = simulator.truth().events;
      for (let kill = 0; kill < KILLS; kill += 1) {
        await sleep(1_000 + random.below(2_000));
        const [victim, survivor] = random.below(2) === 0 ? [bridge, peer] : [peer, bridge];
        const gaps = survivor.last().gaps;
        await victim.kill();
        await sleep(random.below(1_000));
        simulator.pause();
        expect(simulator.truth().events).toBeGreaterThan(before + 20);
        before = simulator.truth().events;
        // The victim is still dead: what comes true does so by the survivor's notifications.
        const differences = createDifferences(stage);
        await until('the table to be true', TRUE_WITHIN_MS, () => differences.now().length === 0).catch(
          () => undefined,
        );
        expect(differences.now()).toEqual([]);
        expect(survivor.last().gaps).toBe(gaps);
        simulator.resume();
        victim.start();
        await until('the killed bridge to be back', LIMIT_MS, () => victim.last().ready);
      }
    } finally {
      await stage.dispose();
    }
  },
  LIMIT_MS,
);

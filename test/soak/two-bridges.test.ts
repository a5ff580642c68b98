import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createRandom } from '../chaos/random';
import { until } from '../chaos/until';
import { createDifferences } from './differences';
import { setStage } from './stage';

const SEED = 4;
const KILLS = 6;
const LIMIT_MS = 200_000;
/** Less than a bridge needs to start: what is true after so long was not reconciled by the one that comes back. */
const ON_THE_WAY_MS = 1_500;

test(
  'of two bridges on the same queues one is killed at random: the table is true at once, and the other had no gap',
  async () => {
    const stage = await setStage({ seed: SEED, acceleration: 10, conversationsPerSecond: 3 });
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
        await sleep(ON_THE_WAY_MS);
        expect(createDifferences(stage).now()).toEqual([]);
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

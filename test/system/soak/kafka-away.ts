import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../support/processes/until';
import { createDifferences, type Difference } from './differences';
import { setStage } from './stage';

export interface KafkaAwayOptions {
  readonly seed: number;
  readonly awaySeconds: number;
  /** Kafka stays away until so many conversations wait and so many events were merged: a slow machine needs longer. Default 0. */
  readonly leastMerged?: number;
  readonly say: (text: string) => void;
}

export interface KafkaAwayResult {
  /** Sent while Kafka was away. */
  readonly notifications: number;
  /** As the bridge's metrics told it just before Kafka came back. */
  readonly pendingConversations: number;
  readonly coalesced: number;
  readonly rssBytes: { readonly before: number; readonly peak: number };
  /** From Kafka's return until nothing waited any more. */
  readonly drainedSeconds: number;
  readonly gaps: number;
  readonly differences: readonly Difference[];
}

const LIMIT_MS = 180_000;
const ON_THE_WAY_MS = 3_000;

/** The broker is killed under load, comes back after a while, and nothing of the final state is lost. */
export async function runKafkaAway(options: KafkaAwayOptions): Promise<KafkaAwayResult> {
  const { seed, awaySeconds, leastMerged = 0, say } = options;
  const stage = await setStage({ seed, acceleration: 10, conversationsPerSecond: 5 });
  const { simulator, bridge, kafka } = stage;
  try {
    await stage.start();
    simulator.resume();
    await sleep(10_000);
    const before = { events: simulator.truth().events, report: bridge.last() };
    say('Kafka is killed');
    await kafka.kill9();
    for (let second = 0; second < awaySeconds; second += 1) {
      await sleep(1_000);
      const { pendingConversations, coalesced, rssBytes } = bridge.last();
      if (second % 10 === 9) {
        say(`${pendingConversations} conversations wait, ${coalesced} merged, ${Math.round(rssBytes / 2 ** 20)} MiB`);
      }
    }
    await until(`${leastMerged} to wait and to be merged`, LIMIT_MS, () => {
      const { pendingConversations, coalesced } = bridge.last();
      return Math.min(pendingConversations, coalesced) >= leastMerged;
    });
    const away = { events: simulator.truth().events, report: bridge.last() };
    await kafka.restart();
    const returnedAt = Date.now();
    say('Kafka is back');
    await until('everything to be in Kafka', LIMIT_MS, () => bridge.last().pendingConversations < 50);
    const drainedSeconds = (Date.now() - returnedAt) / 1_000;
    simulator.pause();
    await until('nothing to wait', LIMIT_MS, () => bridge.last().pendingConversations === 0);
    await sleep(ON_THE_WAY_MS);
    const differences = createDifferences(stage);
    await until('the table to be the truth', LIMIT_MS, () => differences.now().length === 0).catch(() => undefined);
    return {
      notifications: away.events - before.events,
      pendingConversations: away.report.pendingConversations,
      coalesced: away.report.coalesced,
      rssBytes: { before: before.report.rssBytes, peak: bridge.total().peakRssBytes },
      drainedSeconds,
      gaps: bridge.last().gaps - before.report.gaps,
      differences: differences.now(),
    };
  } catch (error) {
    say(`--- bridge\n${bridge.tail()}\n--- fold\n${stage.fold.tail()}`);
    throw error;
  } finally {
    await stage.dispose();
  }
}

import { expect, test } from '@jest/globals';
import { runKafkaAway } from './kafka-away';

const LIMIT_MS = 900_000;

test(
  'while Kafka is down under load, the bridge merges waiting events, the metrics show it, and no final state is lost',
  async () => {
    const result = await runKafkaAway({ seed: 9, awaySeconds: 20, leastMerged: 101, say: () => undefined });
    expect(result.differences).toEqual([]);
    // More than is merged only when much waits, and less than came in.
    expect(result.notifications).toBeGreaterThan(3_000);
    expect(result.coalesced).toBeGreaterThan(100);
    expect(result.pendingConversations).toBeGreaterThan(100);
  },
  LIMIT_MS,
);

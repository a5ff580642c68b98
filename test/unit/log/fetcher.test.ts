import { expect, test } from '@jest/globals';
import type { Cluster } from '../../../src/log/kafkajs/cluster';
import { Fetcher } from '../../../src/log/kafkajs/group/fetcher';
import { until } from '../../support/processes/until';

const SOON_MS = 10_000;

test('a partition is read from its new leader, although no broker has refused a fetch', async () => {
  let leader = 1;
  const asked: number[] = [];
  const fetch = async (nodeId: number): Promise<{ responses: readonly object[] }> => {
    asked.push(nodeId);
    if (nodeId === 2) return new Promise(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 5));
    // Another question of the same client refreshes the metadata while this fetch is under way.
    if (nodeId === 1 && asked.length === 3) leader = 2;
    return { responses: [] };
  };
  const cluster = {
    findTopicPartitionMetadata: () => [{ partitionId: 0, leader, isr: [], replicas: [] }],
    refreshMetadataIfNecessary: () => Promise.resolve(),
    refreshMetadata: () => Promise.resolve(),
    findBroker: ({ nodeId }: { nodeId: number }) => Promise.resolve({ fetch: () => fetch(nodeId) }),
  };
  const failures: unknown[] = [];
  const fetcher = new Fetcher({
    cluster: cluster as unknown as Cluster,
    topic: 't',
    onRecords: () => undefined,
    onOutOfRange: () => undefined,
    onFailed: (error) => failures.push(error),
  });
  try {
    fetcher.start(0, 0);
    await until('a fetch from the new leader', SOON_MS, () => asked.includes(2));
  } finally {
    fetcher.stop();
  }
  expect(failures).toEqual([]);
  expect(asked.slice(0, 3)).toEqual([1, 1, 1]);
});

import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createDeferred } from '../../../src/common';
import type { Cluster, Coordinator } from '../../../src/log/kafkajs/cluster';
import { Membership } from '../../../src/log/kafkajs/group/membership';

const never = (): Promise<never> => new Promise(() => undefined);

/** A group of one on a topic with two partitions. */
function coordinatorWith(heartbeat: () => Promise<void>): Coordinator {
  return {
    joinGroup: ({ groupProtocols }) =>
      Promise.resolve({
        generationId: 1,
        leaderId: 'only',
        memberId: 'only',
        members: groupProtocols.map(({ metadata }) => ({ memberId: 'only', memberMetadata: metadata })),
      }),
    syncGroup: ({ groupAssignment }) =>
      Promise.resolve({ memberAssignment: groupAssignment[0]?.memberAssignment ?? Buffer.alloc(0) }),
    heartbeat,
    leaveGroup: () => Promise.resolve(),
    offsetCommit: never,
    offsetFetch: never,
  };
}

function clusterOf(coordinator: Coordinator, disconnect: () => Promise<void>): Cluster {
  return {
    targetTopics: new Set(),
    connect: () => Promise.resolve(),
    disconnect,
    refreshMetadata: () => Promise.resolve(),
    refreshMetadataIfNecessary: () => Promise.resolve(),
    addMultipleTargetTopics: () => Promise.resolve(),
    findTopicPartitionMetadata: () => [
      { partitionId: 0, leader: 1, isr: [], replicas: [] },
      { partitionId: 1, leader: 1, isr: [], replicas: [] },
    ],
    findBroker: never,
    findControllerBroker: never,
    removeBroker: () => undefined,
    findGroupCoordinator: () => Promise.resolve(coordinator),
    fetchTopicsOffset: never,
  };
}

test('a member whose coordinator falls silent joins again at once, although the old connection does not close', async () => {
  const silent = clusterOf(coordinatorWith(never), never);
  const beats = createDeferred<undefined>();
  const beat = (): Promise<void> => {
    beats.resolve(undefined);
    return Promise.resolve();
  };
  const answering = clusterOf(coordinatorWith(beat), () => Promise.resolve());
  const clusters = [silent, answering];
  const assignments: (readonly number[])[] = [];
  const membership = new Membership({
    open: () => clusters.shift() ?? answering,
    group: 'a-group',
    topic: 'a-topic',
    logger: pino({ enabled: false }),
    onAssignment: ({ partitions }) => assignments.push(partitions),
    onFailed: (error) => beats.reject(error),
    answerWithinMs: 20,
  });
  await membership.start();
  await beats.promise;
  expect(assignments.slice(0, 2)).toEqual([
    [0, 1],
    [0, 1],
  ]);
  await membership.leave(answering);
});

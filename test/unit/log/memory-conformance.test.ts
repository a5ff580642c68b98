import { createMemoryCluster } from '../../../src/log/memory/cluster';
import { describeLog } from '../../support/log/log-conformance';

describeLog('in memory', () => {
  const cluster = createMemoryCluster({ partitions: 2 });
  const done = Promise.resolve();
  return Promise.resolve({
    createTopic(name, partitions, largestRecordBytes) {
      cluster.createTopic(name, partitions, largestRecordBytes === undefined ? {} : { largestRecordBytes });
      return done;
    },
    connect: (hooks) => Promise.resolve(cluster.connect(hooks === undefined ? {} : { hooks })),
    fence(transactionalId) {
      cluster.fence(transactionalId);
      return done;
    },
    expireOffsets(group) {
      cluster.expireOffsets(group);
      return done;
    },
    committedOffset: (group, topic, partition) => Promise.resolve(cluster.committedOffset(group, topic, partition)),
    deleteTopic(name) {
      cluster.deleteTopic(name);
      return done;
    },
    deleteRecords(topic, partition, offset) {
      cluster.deleteRecords(topic, partition, offset);
      return done;
    },
    addPartitions(topic, count) {
      cluster.addPartitions(topic, count);
      return done;
    },
    close: () => done,
  });
});

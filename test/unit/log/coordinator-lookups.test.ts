import { expect, it, jest } from '@jest/globals';
import { requireInternal } from '../../../src/log/kafkajs/internals';
import { repairCoordinatorLookups } from '../../../src/log/kafkajs/repairs/r6-coordinator-lookups';

interface FakeBroker {
  isConnected(): boolean;
  endTxn(): Promise<void>;
}
interface FakeCluster {
  findGroupCoordinator(lookup: { groupId: string }): Promise<FakeBroker>;
}

it('R6: a coordinator is forgotten when it disowns the role, and when its connection is gone', async () => {
  const Broker = requireInternal('broker') as { prototype: FakeBroker };
  const Cluster = requireInternal('cluster') as { prototype: FakeCluster };
  let answer = (): Promise<void> => Promise.resolve();
  let connected = true;
  Broker.prototype.endTxn = () => answer();
  Broker.prototype.isConnected = () => connected;
  const find = jest.fn(() => Promise.resolve(Object.create(Broker.prototype) as FakeBroker));
  Cluster.prototype.findGroupCoordinator = find;
  repairCoordinatorLookups();

  const cluster = Object.create(Cluster.prototype) as FakeCluster;
  const first = await cluster.findGroupCoordinator({ groupId: 'g' });
  expect(await cluster.findGroupCoordinator({ groupId: 'g' })).toBe(first);
  expect(find).toHaveBeenCalledTimes(1);

  answer = () => Promise.reject(Object.assign(new Error('moved'), { type: 'NOT_COORDINATOR_FOR_GROUP' }));
  await expect(first.endTxn()).rejects.toThrow('moved');
  const second = await cluster.findGroupCoordinator({ groupId: 'g' });
  expect(second).not.toBe(first);
  expect(find).toHaveBeenCalledTimes(2);

  connected = false;
  await cluster.findGroupCoordinator({ groupId: 'g' });
  expect(find).toHaveBeenCalledTimes(3);
});

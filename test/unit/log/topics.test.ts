import { expect, test } from '@jest/globals';
import { topicDefinitions, topicNames } from '../../../src/log/topics';

const names = topicNames('genesys');
const stateConfig = (use: 'live' | 'replay') =>
  topicDefinitions(names, 2, use).find(({ topic }) => topic === names.state)?.config ?? {};

test('a replay has no topic of names', () => {
  const topics = (use: 'live' | 'replay') => topicDefinitions(names, 2, use).map(({ topic }) => topic);
  expect(topics('replay')).not.toContain(names.names);
  expect(topics('live')).toEqual([...topics('replay'), names.names]);
});

/** Its records carry the receive times of the recording: to the broker they are old from the first moment. */
test('the state topic of a replay is not compacted before it has been read, and as every other afterwards', () => {
  const [replay, live] = [stateConfig('replay'), stateConfig('live')];
  expect(replay['min.compaction.lag.ms']).toBe(String(2n ** 63n - 1n));
  // The broker wants it no less than the other.
  expect(replay['max.compaction.lag.ms']).toBe(replay['min.compaction.lag.ms']);
  // What is set for the replay is named by the live definition too, or `setup` would not set it back.
  expect(Object.keys(live)).toEqual(Object.keys(replay));
  expect(live).toMatchObject({ 'cleanup.policy': 'compact', 'min.compaction.lag.ms': '0' });
});

import { expect, test } from '@jest/globals';
import { LARGEST_RECORD_BYTES, topicDefinitions, topicNames } from '../../../src/log/topics';

const names = topicNames('genesys');
const stateConfig = (use: 'live' | 'replay') =>
  topicDefinitions(names, 2, use).find(({ topic }) => topic === names.state)?.config ?? {};

test('a replay has no topic of names', () => {
  const topics = (use: 'live' | 'replay') => topicDefinitions(names, 2, use).map(({ topic }) => topic);
  expect(topics('replay')).not.toContain(names.names);
  expect(topics('live')).toEqual([...topics('replay'), names.names]);
});

test.each(['live', 'replay'] as const)(
  'every topic of a %s system takes records beyond the default of Kafka',
  (use) => {
    const limits = topicDefinitions(names, 2, use).map(({ config }) => config['max.message.bytes']);
    expect(new Set(limits)).toEqual(new Set([String(LARGEST_RECORD_BYTES)]));
    // Between the largest state that may be configured (7 MiB) and the record around it.
    expect(LARGEST_RECORD_BYTES).toBeGreaterThan(7 * 1024 * 1024);
  },
);

/** Its records carry the receive times of the recording: to the broker they are old from the first moment. */
test('the state topic of a replay is not compacted before it has been read, and as every other afterwards', () => {
  const [replay, live] = [stateConfig('replay'), stateConfig('live')];
  // 292 years: Redpanda counts in nanoseconds, and refuses more.
  expect(replay['min.compaction.lag.ms']).toBe(String(2n ** 63n / 1_000_000n));
  // The broker wants it no less than the other.
  expect(replay['max.compaction.lag.ms']).toBe(replay['min.compaction.lag.ms']);
  // What is set for the replay is named by the live definition too, or `setup` would not set it back.
  expect(Object.keys(live)).toEqual(Object.keys(replay));
  expect(live).toMatchObject({ 'cleanup.policy': 'compact', 'min.compaction.lag.ms': '0' });
});

test('what a replay depends on is not optional, as what keeps records and their order is not', () => {
  const optional = (use: 'live' | 'replay') => topicDefinitions(names, 2, use).map((one) => [...one.optional]);
  for (const one of [...optional('live'), ...optional('replay')]) {
    for (const name of ['cleanup.policy', 'retention.ms', 'max.message.bytes', 'min.insync.replicas']) {
      expect(one).not.toContain(name);
    }
  }
  expect(optional('replay')[1]).not.toContain('min.compaction.lag.ms');
  expect(optional('live')[1]).toContain('min.compaction.lag.ms');
});

test('records stay as they were written, whatever the broker’s default is', () => {
  for (const { config } of topicDefinitions(names, 2)) expect(config['compression.type']).toBe('producer');
});

import { describe, expect, it } from '@jest/globals';
import { planTopic, type ExistingTopic } from '../../../src/log/kafkajs/topic-plan';

const sizes = { partitions: 8, replicationFactor: 3 };
const definition = {
  topic: 'genesys.state',
  config: {
    'cleanup.policy': 'compact',
    'delete.retention.ms': '1000',
    'segment.ms': '500',
    'min.insync.replicas': '2',
  },
};
const asDefined = (changes: Readonly<Record<string, string>> = {}, partitions = 8): ExistingTopic => ({
  partitions,
  replicationFactor: 3,
  inSync: 3,
  config: new Map(
    Object.entries({ ...definition.config, 'retention.ms': '7', 'compression.type': 'zstd', ...changes }),
  ),
  own: new Set([...Object.keys(definition.config), 'compression.type']),
});

describe('the plan for a topic', () => {
  it('creates what is missing, with all its settings', () => {
    const plan = planTopic(definition, null, sizes);
    expect(plan.create).toEqual({
      topic: 'genesys.state',
      ...sizes,
      config: new Map(Object.entries(definition.config)),
    });
    expect(plan.changes).toEqual([
      'created topic genesys.state with 8 partitions, replication factor 3, cleanup.policy=compact, ' +
        'delete.retention.ms=1000, segment.ms=500, min.insync.replicas=2',
    ]);
  });

  it('has nothing to do when all is as defined', () => {
    expect(planTopic(definition, asDefined(), sizes)).toEqual({ create: null, alter: null, changes: [], refusals: [] });
  });

  it('changes a setting and keeps the others that were made on the topic', () => {
    const plan = planTopic(definition, asDefined({ 'segment.ms': '9' }), sizes);
    expect(plan.changes).toEqual(['changed genesys.state: segment.ms from 9 to 500']);
    expect(plan.alter?.config).toEqual(new Map(Object.entries({ ...definition.config, 'compression.type': 'zstd' })));
    expect(plan.refusals).toEqual([]);
  });

  it('refuses another number of partitions, and names the way', () => {
    const { refusals } = planTopic(definition, asDefined({}, 4), sizes);
    expect(refusals).toEqual([expect.stringMatching(/has 4 partitions, not 8.*new TOPIC_PREFIX.*replay/)]);
  });

  it('gives a topic of a size of its own that size, and refuses another', () => {
    const single = { ...definition, partitions: 1 };
    expect(planTopic(single, null, sizes).create).toMatchObject({ partitions: 1, replicationFactor: 3 });
    expect(planTopic(single, asDefined({}, 1), sizes).refusals).toEqual([]);
    expect(planTopic(single, asDefined(), sizes).refusals).toEqual([
      'genesys.state has 8 partitions, not 1. Delete it and run setup again: it is filled anew.',
    ]);
  });

  it.each([
    ['cleanup.policy', 'delete'],
    ['delete.retention.ms', '2000'],
    ['delete.retention.ms', '-1'],
  ])('refuses a change of %s from %s: records would be lost', (name, now) => {
    const { refusals } = planTopic(definition, asDefined({ [name]: now }), sizes);
    expect(refusals).toEqual([
      expect.stringMatching(new RegExp(`${name.replace('.', '\\.')} is ${now}.*kafka-configs`)),
    ]);
  });

  it('raises a retention', () => {
    const plan = planTopic(definition, asDefined({ 'delete.retention.ms': '10' }), sizes);
    expect(plan.refusals).toEqual([]);
    expect(plan.alter?.config.get('delete.retention.ms')).toBe('1000');
  });

  it('refuses more in-sync replicas than there are replicas', () => {
    const { refusals } = planTopic(definition, null, { partitions: 8, replicationFactor: 1 });
    expect(refusals).toEqual([expect.stringMatching(/min\.insync\.replicas 2.*replication factor is 1/)]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { changeText, createdText, planTopic, type ExistingTopic } from '../../../src/log/kafkajs/admin/topic-plan';

const sizes = { partitions: 8, replicationFactor: 3 };
const definition = {
  topic: 'genesys.state',
  config: {
    'cleanup.policy': 'compact',
    'delete.retention.ms': '1000',
    'segment.ms': '500',
    'min.insync.replicas': '2',
    'compression.type': 'producer',
  },
  optional: new Set(['delete.retention.ms', 'segment.ms', 'compression.type']),
};
const asDefined = (changes: Readonly<Record<string, string>> = {}, partitions = 8): ExistingTopic => ({
  partitions,
  replicationFactor: 3,
  inSync: 3,
  config: new Map(Object.entries({ ...definition.config, 'retention.ms': '7', ...changes })),
  own: new Set(Object.keys(definition.config).filter((name) => name !== 'compression.type')),
});
const nothing = { create: null, needed: [], wished: [], refusals: [] };

describe('the plan for a topic', () => {
  it('creates what is missing, with all its settings', () => {
    const plan = planTopic(definition, null, sizes);
    expect(plan.create).toEqual({
      topic: 'genesys.state',
      ...sizes,
      config: new Map(Object.entries(definition.config)),
    });
    expect(plan.create && createdText(plan.create)).toBe(
      'created topic genesys.state with 8 partitions, replication factor 3, cleanup.policy=compact, ' +
        'delete.retention.ms=1000, segment.ms=500, min.insync.replicas=2, compression.type=producer',
    );
  });

  it('has nothing to do when all is as defined', () => {
    expect(planTopic(definition, asDefined(), sizes)).toEqual(nothing);
  });

  it('changes a setting that is needed, and asks for one that only improves matters', () => {
    const plan = planTopic(definition, asDefined({ 'segment.ms': '900', 'min.insync.replicas': '1' }), sizes);
    expect(plan).toEqual({
      ...nothing,
      needed: [{ name: 'min.insync.replicas', now: '1', wanted: '2' }],
      wished: [{ name: 'segment.ms', now: '900', wanted: '500' }],
    });
    expect(plan.needed.map(changeText)).toEqual(['min.insync.replicas from 1 to 2']);
  });

  it.each([
    ['delete.retention.ms', '2000'],
    ['delete.retention.ms', '-1'],
    ['min.insync.replicas', '3'],
    ['segment.ms', '9'],
  ])('accepts a topic that somebody made with more than we want: %s=%s', (name, now) => {
    expect(planTopic(definition, asDefined({ [name]: now }), sizes)).toEqual(nothing);
  });

  it.each(['retention.ms', 'max.message.bytes', 'message.timestamp.after.max.ms'])(
    'accepts a longer or larger %s, also without a limit, and asks for more than less',
    (name) => {
      const one = { topic: 't', config: { [name]: '1000' }, optional: new Set<string>() };
      const plan = (now: string) => planTopic(one, { ...asDefined(), config: new Map([[name, now]]) }, sizes);
      for (const now of ['1000', '1001', '-1', '9223372036854775807']) expect(plan(now)).toEqual(nothing);
      expect(plan('999').needed).toEqual([{ name, now: '999', wanted: '1000' }]);
    },
  );

  it('takes the largest number of one broker for that of another', () => {
    const one = { topic: 't', config: { 'max.compaction.lag.ms': '9223372036854' }, optional: new Set<string>() };
    const plan = (now: string) =>
      planTopic(one, { ...asDefined(), config: new Map([['max.compaction.lag.ms', now]]) }, sizes);
    expect(plan('9223372036854775807')).toEqual(nothing);
    expect(plan('86400000').needed).toHaveLength(1);
  });

  it('leaves the compression that somebody set on the topic, and replaces that of the broker', () => {
    const byBroker = asDefined({ 'compression.type': 'zstd' });
    const byTopic = { ...byBroker, own: new Set([...byBroker.own, 'compression.type']) };
    expect(planTopic(definition, byTopic, sizes)).toEqual(nothing);
    expect(planTopic(definition, byBroker, sizes).wished).toEqual([
      { name: 'compression.type', now: 'zstd', wanted: 'producer' },
    ]);
  });

  it('does not ask a broker for an optional setting that it does not know', () => {
    const { config, ...rest } = asDefined();
    const older = { ...rest, config: new Map([...config].filter(([name]) => name !== 'segment.ms')) };
    expect(planTopic(definition, older, sizes)).toEqual(nothing);
  });

  it('refuses another number of partitions, and names the way', () => {
    const { refusals } = planTopic(definition, asDefined({}, 4), sizes);
    expect(refusals).toEqual([expect.stringMatching(/has 4 partitions, not 8.*new TOPIC_PREFIX.*scale\.md/)]);
  });

  it('gives a topic of a size of its own that size, and refuses another', () => {
    const single = { ...definition, partitions: 1 };
    expect(planTopic(single, null, sizes).create).toMatchObject({ partitions: 1, replicationFactor: 3 });
    expect(planTopic(single, asDefined({}, 1), sizes).refusals).toEqual([]);
    expect(planTopic(single, asDefined(), sizes).refusals).toEqual([
      'genesys.state has 8 partitions, not 1. Delete it and run setup again: the pipeline fills it again.',
    ]);
  });

  it('refuses another cleanup.policy: records would be lost', () => {
    const { refusals } = planTopic(definition, asDefined({ 'cleanup.policy': 'delete' }), sizes);
    expect(refusals).toEqual([expect.stringMatching(/cleanup\.policy is delete.*kafka-configs/)]);
  });

  it('refuses more in-sync replicas than there are replicas', () => {
    const { refusals } = planTopic(definition, null, { partitions: 8, replicationFactor: 1 });
    expect(refusals).toEqual([
      expect.stringMatching(/min\.insync\.replicas 2.*replication factor is 1.*set REPLICATION_FACTOR=1/),
    ]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { OperatorError } from '../../../src/common';
import { createKafkaAdmin, type KafkaAdmin } from '../../../src/log/kafkajs/admin/admin';
import { createKafkaLog } from '../../../src/log/kafkajs/log';
import { topicDefinitions, topicNames } from '../../../src/log/topics';
import { eventually } from '../../support/processes/until';
import { kafkaForTests } from '../../support/services/services';

const logger = pino({ enabled: false });
const names = topicNames(`admin-${Date.now().toString(36)}`);
const setup = { definitions: topicDefinitions(names, 1), partitions: 3, replicationFactor: 1, dryRun: false };

describe('setting up topics on Kafka', () => {
  let brokers: readonly string[] = [];
  let opened: KafkaAdmin | null = null;
  const admin = (): KafkaAdmin => {
    if (opened === null) throw new Error('not open');
    return opened;
  };
  beforeAll(async () => {
    brokers = (await kafkaForTests()).brokers;
    opened = await createKafkaAdmin({ brokers, clientId: 'admin-test', logger });
  });
  afterAll(async () => {
    await opened?.deleteTopics([names.events, names.state, names.changelog, names.deadLetters, 'no such topic']);
    await opened?.close();
  });

  it('tells in a dry run what it would do, then does it once', async () => {
    const planned = await admin().setupTopics({ ...setup, dryRun: true });
    expect(planned).toHaveLength(6);
    expect(await admin().setupTopics(setup)).toEqual(planned);
    expect(await admin().setupTopics(setup)).toEqual([]);
  });

  it('raises a setting that is too low, and leaves what a topic has beyond it', async () => {
    const [definition] = setup.definitions;
    if (definition === undefined) throw new Error('no definition');
    const longer = { ...definition, config: { ...definition.config, 'retention.ms': '1209600000' } };
    expect(await admin().setupTopics({ ...setup, definitions: [longer] })).toEqual([
      `changed ${definition.topic}: retention.ms from 604800000 to 1209600000`,
    ]);
    expect(await admin().setupTopics({ ...setup, definitions: [longer] })).toEqual([]);
    expect(await admin().setupTopics({ ...setup, definitions: [definition] })).toEqual([]);
    const kept = await admin().setupTopics({ ...setup, definitions: [longer] });
    expect(kept).toEqual([]);
  });

  it('refuses another number of partitions, and changes nothing then', async () => {
    const attempt = admin().setupTopics({ ...setup, partitions: 5 });
    await expect(attempt).rejects.toThrow(OperatorError);
    await expect(attempt).rejects.toThrow(/has 3 partitions, not 5/);
  });

  it('knows whether a group has members', async () => {
    const group = `${names.events}-group`;
    expect(await admin().groupIsActive(group)).toBe(false);
    const log = createKafkaLog({ brokers, clientId: 'member', logger });
    const subscription = await log.subscribe({
      group,
      topic: names.events,
      onAssigned: () => Promise.resolve(new Map()),
      onRevoked: () => undefined,
      onRecords: () => undefined,
    });
    await eventually(() => subscription.ready());
    expect(await admin().groupIsActive(group)).toBe(true);
    await log.close();
    await eventually(async () => !(await admin().groupIsActive(group)));
  });

  it('says which brokers cannot be reached, and why', async () => {
    const attempt = createKafkaAdmin({ brokers: ['127.0.0.1:1'], clientId: 'nobody', logger });
    await expect(attempt).rejects.toThrow(OperatorError);
    await expect(attempt).rejects.toThrow(
      /KAFKA_BROKERS: cannot reach 127\.0\.0\.1:1 \(.*ECONNREFUSED.*\)\. Is the broker up/,
    );
  });
});

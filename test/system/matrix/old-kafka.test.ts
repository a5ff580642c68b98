import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { oldKafka, type OldKafka } from '../../support/kafka/old-kafka';
import { startQueuefold, type Environment } from '../../support/processes/pipeline-processes';
import { registryForTests } from '../../support/services/services';

/**
 * The oldest Kafka that queuefold works with; the newest one runs all other tests. Others every night, or by hand:
 * KAFKA_RELEASES=3.5.2,3.9.1 npm run test:system -- --testPathPatterns matrix/old-kafka
 */
const RELEASES = (process.env['KAFKA_RELEASES'] ?? '2.8.2').split(',');
/** Four events of one conversation. */
const EVENTS = join(__dirname, '../../fixtures/consult-of-four-events.ndjson');
const ROW = 'c0000000-0000-4000-8000-00000000000c';

describe.each(RELEASES)('Kafka %s', (release) => {
  let kafka: OldKafka;
  let env: Environment;
  beforeAll(async () => {
    kafka = await oldKafka(release);
    env = {
      KAFKA_BROKERS: kafka.brokers.join(),
      SCHEMA_REGISTRY_URL: (await registryForTests()).url,
      TOPIC_PREFIX: `old-${Date.now().toString(36)}`,
      REPLICATION_FACTOR: '1',
      PARTITIONS: '2',
      HTTP_PORT: '0',
      HTTP_HOST: '127.0.0.1',
    };
  });
  afterAll(() => kafka.dispose());

  test('setup leaves out what it does not know, says so, and has nothing to change the next time', async () => {
    const first = startQueuefold(['setup'], env);
    await first.done();
    expect(first.stdout()).toMatch(/created topic .*queue-conversation\.v1 with 2 partitions/);
    // It came with 3.6.
    if (Number.parseFloat(release) < 3.6) {
      expect(first.stderr()).toMatch(
        /setup leaves out message\.timestamp\.after\.max\.ms=\d+.*INVALID_CONFIG: Unknown topic config/,
      );
    }
    const again = startQueuefold(['setup'], env);
    await again.done();
    expect(again.stdout()).toBe('nothing to change\n');
  });

  test('doctor finds no fault with it', async () => {
    const doctor = startQueuefold(['doctor', '--json'], env);
    await doctor.done();
    const { checks } = JSON.parse(doctor.stdout()) as { checks: { name: string; outcome: string }[] };
    const kafkas = checks.filter(({ name }) => name.startsWith('kafka'));
    expect(kafkas.length).toBeGreaterThan(5);
    expect(kafkas.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  });

  test('a recording is replayed through it exactly once, in transactions', async () => {
    const replay = startQueuefold(['replay', EVENTS, '--log', 'kafka', '--quiet', '--print', 'records'], env);
    await replay.done();
    const records = replay.stdout().trim().split('\n');
    expect(records).toHaveLength(4);
    for (const record of records) expect(record).toContain(ROW);
  });
});

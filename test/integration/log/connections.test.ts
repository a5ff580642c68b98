import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createKafkaLog } from '../../../src/log/kafkajs/log';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { createSumTask } from '../../support/log/sum-task';
import { eventually } from '../../support/processes/until';
import { kafkaForTests } from '../../support/services/services';

/** Of tasks that restore at the same time. */
const PARTITIONS = 4;

let brokers: readonly string[];
let admin: Awaited<ReturnType<typeof createStockAdmin>>;

beforeAll(async () => {
  ({ brokers } = await kafkaForTests());
  admin = await createStockAdmin(brokers);
});
afterAll(() => admin.close());

const connect = () => createKafkaLog({ brokers, clientId: 'test', logger: pino({ enabled: false }) });
/** The open sockets of this process. */
const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

test('a closed log leaves no connection behind, also after tasks that restored at the same time', async () => {
  const [input, changelog, state] = ['input', 'changelog', 'state'].map((name) => `connections-${Date.now()}-${name}`);
  if (input === undefined || changelog === undefined || state === undefined) throw new Error('three names');
  await admin.createTopic(input, PARTITIONS);
  await admin.createTopic(state, PARTITIONS);
  await admin.createTopic(changelog, PARTITIONS, { 'cleanup.policy': 'compact' });
  const before = sockets();

  const log = connect();
  const producer = await log.createProducer();
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    await producer.send([{ topic: input, key: `k${partition}`, value: Buffer.from('1'), partition }]);
  }
  const topology = { group: `${input}-group`, input, changelog, outputs: [state], tables: [state], timers: false };
  const running = await log.runTasks(topology, () => createSumTask({ stateTopic: state }));
  await eventually(async () => [...(await log.endOffsets(state)).values()].every((end) => end > 0));
  expect(sockets()).toBeGreaterThan(before);
  await running.stop();
  await log.close();

  await eventually(() => sockets() <= before);
});

test('a reading that has reached its end closes its connections', async () => {
  const topic = `connections-${Date.now()}-read`;
  await admin.createTopic(topic, 1);
  const log = connect();
  const producer = await log.createProducer();
  await producer.send([{ topic, key: 'k', value: Buffer.from('1') }]);
  // The log itself has one connection for questions, from the first question on.
  await log.endOffsets(topic);
  const before = sockets();
  const reading = await log.read({ topics: [topic], follow: false, onRecord: () => undefined });
  await reading.done;
  await eventually(() => sockets() <= before);
  await log.close();
});

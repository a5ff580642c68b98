import { randomBytes } from 'node:crypto';
import { createKafkaLog, type TopicNames } from '../../src/log';
import { report } from './child';
import { connectionTo } from './cluster';
import { beginThroughput, type Throughput } from './throughput';

export interface RawProduceArgs {
  readonly brokers: readonly string[];
  readonly topics: TopicNames;
  readonly records: number;
  /** The size of each value, bytes. */
  readonly size: number;
}

export interface RawProduceReports {
  readonly produced: Throughput;
}

const BATCH = 500;

/** kafkajs alone, in a process of its own, so that its processor time can be measured. */
async function main({ brokers, topics, records, size }: RawProduceArgs): Promise<void> {
  const log = createKafkaLog(connectionTo(brokers));
  const producer = await log.createProducer();
  const value = randomBytes(size);
  const batch = Array.from({ length: BATCH }, (_, index) => ({ topic: topics.events, key: `raw-${index}`, value }));
  await producer.send(batch);
  const measured = beginThroughput();
  for (let sent = 0; sent < records; sent += BATCH) await producer.send(batch);
  report('produced', measured(records));
  await producer.close();
  await log.close();
  process.exit(0);
}

void main(JSON.parse(process.argv[2] ?? '{}') as RawProduceArgs);

import { createKafkaLog, type LogRecord, type OutRecord, type TopicNames } from '../../src/log';
import { heard, report } from './child';
import { connectionTo } from './cluster';
import { beginThroughput, type Throughput } from './throughput';

export interface RawProduceArgs {
  readonly brokers: readonly string[];
  readonly topics: TopicNames;
  /** The records of a round. */
  readonly records: number;
}

export interface RawProduceReports {
  readonly ready: { readonly meanValueBytes: number };
  readonly produced: Throughput;
}

const BATCH = 500;
/** So many records are kept, and sent repeatedly. */
const KEPT = 10_000;

/**
 * The producer alone, with records that the bridge has written: the same keys, values and headers. It is in a process of
 * its own, so that its processor time can be measured.
 */
async function main({ brokers, topics, records }: RawProduceArgs): Promise<void> {
  const ending = heard('end');
  const log = createKafkaLog(connectionTo(brokers));
  const producer = await log.createProducer();
  const kept = await readRecords();
  const batches = Array.from({ length: kept.length / BATCH }, (_, n) => kept.slice(n * BATCH, (n + 1) * BATCH));

  async function readRecords(): Promise<readonly OutRecord[]> {
    const found: LogRecord[] = [];
    const reading = await log.read({
      topics: [topics.events],
      follow: false,
      onRecord: (record) => {
        if (record.offset < KEPT) found.push(record);
      },
    });
    await reading.caughtUp;
    await reading.stop();
    // A batch has records of all partitions, as the bridge's have.
    const mixed = found.sort((a, b) => a.offset - b.offset).slice(0, KEPT);
    return mixed.map(({ topic, key, value, headers }) => ({ topic, key: key?.toString() ?? null, value, headers }));
  }

  const produceRounds = async (): Promise<void> => {
    for (let isFirst = true; ; isFirst = false) {
      const going = heard('go');
      if (isFirst) {
        report('ready', {
          meanValueBytes: kept.reduce((sum, { value }) => sum + (value?.length ?? 0), 0) / kept.length,
        });
      }
      await going;
      const measured = beginThroughput();
      for (let sent = 0; sent < records; sent += BATCH) {
        await producer.send(batches[(sent / BATCH) % batches.length] ?? []);
      }
      report('produced', measured(records));
    }
  };
  await Promise.race([produceRounds(), ending]);
  await producer.close();
  await log.close();
  process.exit(0);
}

void main(JSON.parse(process.argv[2] ?? '{}') as RawProduceArgs);

import { createKafkaLog, type Log } from '../../src/log';
import { compressionOf } from '../../src/log/kafkajs/client';
import { type Codec, codecOf, type Compression } from '../../src/log/kafkajs/compression';
import { report } from './child';
import { connectionTo } from './cluster';

export interface CompressionProcessArgs {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly codec: Compression | 'none';
  readonly events: number;
}

export interface CompressionReports {
  readonly ready: object;
  readonly read: ReadCost;
}

/** For each record. */
export interface ReadCost {
  /** CPU of this process, with all its threads, for one reading of the topic. */
  readonly readMicroseconds: number;
  /** The same for its codec alone, which decompresses the same batches. */
  readonly codecMicroseconds: number;
  readonly compression: number;
}

/** The limit for a batch in production. */
const LIMIT_BYTES = 64 * 1024 * 1024;

async function main({ brokers, topic, codec: name, events }: CompressionProcessArgs): Promise<void> {
  const log = createKafkaLog(connectionTo(brokers));
  const batches: Buffer[] = [];
  const codec = name === 'none' ? null : codecNamed(name);
  if (codec !== null) {
    const { decompress } = codec;
    const capturing = codec as { decompress: Codec['decompress'] };
    capturing.decompress = (compressed, limit) => {
      batches.push(Buffer.from(compressed));
      return decompress.call(codec, compressed, limit);
    };
    await readAll(log, topic, events);
    capturing.decompress = decompress;
    if (batches.length === 0) throw new Error(`${topic} is not compressed`);
  }
  process.on('message', (word) => {
    if (word === 'read') void turn().then((cost) => report('read', cost), fail);
    if (word === 'end') void log.close().then(() => process.exit(0), fail);
  });
  process.once('disconnect', () => process.exit(1));

  async function turn(): Promise<ReadCost> {
    const readMicroseconds = (await cpuOf(() => readAll(log, topic, events))) / events;
    let decompressed = 0;
    const alone = async (): Promise<void> => {
      for (const batch of batches) decompressed += (await codec?.decompress(batch, LIMIT_BYTES))?.length ?? 0;
    };
    const codecMicroseconds = codec === null ? 0 : (await cpuOf(alone)) / events;
    const compressed = batches.reduce((sum, { length }) => sum + length, 0);
    return { readMicroseconds, codecMicroseconds, compression: codec === null ? 1 : decompressed / compressed };
  }
  report('ready', {});
}

function codecNamed(compression: Compression): Codec {
  const found = codecOf(compressionOf({ compression }));
  if (found === undefined) throw new Error(compression);
  return found.codec;
}

async function readAll(log: Log, topic: string, events: number): Promise<void> {
  let count = 0;
  const reading = await log.read({ topics: [topic], follow: false, onRecord: () => void (count += 1) });
  await reading.done;
  await reading.stop();
  if (count !== events) throw new Error(`${topic}: ${count} of ${events} records`);
}

/** µs of all threads of this process. */
async function cpuOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

main(JSON.parse(process.argv[2] ?? '{}') as CompressionProcessArgs).catch(fail);

import type { Log, LogRecord, RunningSubscription, ValueCodec } from '../log';

/** Reads a topic from its beginning, with a group of its own, and waits until the caller has taken each record. */
export interface TopicReader {
  readonly done: Promise<void>;
  /** Resolves when the caller has taken everything up to these ends. */
  reached(ends: ReadonlyMap<number, number>): Promise<void>;
  /** The last record of each partition that has one, as far as it is read. */
  lastOffsets(): ReadonlyMap<number, number>;
  stop(): Promise<void>;
}

export interface TopicReaderOptions {
  readonly log: Log;
  readonly topic: string;
  readonly group: string;
  /** Prepares the schemas of the values before `onRecord` gets them. */
  readonly values: Pick<ValueCodec<object>, 'prepare'>;
  /** Called in the order of each partition. The next record comes when the call has resolved. */
  readonly onRecord: (record: LogRecord) => Promise<void> | void;
}

interface Chunk {
  readonly partition: number;
  readonly records: readonly LogRecord[];
  readonly nextOffset: number;
}

const PAUSE_AT_RECORDS = 10_000;
const POLL_MS = 20;

export async function startTopicReader(options: TopicReaderOptions): Promise<TopicReader> {
  const { values, onRecord } = options;
  const taken = new Map<number, number>();
  const lastOffsets = new Map<number, number>();
  const chunks: Chunk[] = [];
  let waiting = 0;
  let working = false;
  let subscription: RunningSubscription | null = null;
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<void>((_resolve, reject) => (fail = reject));
  failed.catch(() => undefined);

  const work = async (): Promise<void> => {
    working = true;
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      await values.prepare(chunk.records.map((record) => record.value));
      for (const record of chunk.records) {
        const wait = onRecord(record);
        if (wait !== undefined) await wait;
        lastOffsets.set(chunk.partition, record.offset);
      }
      waiting -= chunk.records.length;
      taken.set(chunk.partition, chunk.nextOffset);
      if (waiting < PAUSE_AT_RECORDS / 2) subscription?.resume();
      await subscription?.commit([{ partition: chunk.partition, offset: chunk.nextOffset }]);
    }
    working = false;
  };

  const running = await options.log.subscribe({
    group: options.group,
    topic: options.topic,
    onAssigned: () => Promise.resolve(new Map()),
    onRevoked: () => undefined,
    onRecords: (partition, records, nextOffset) => {
      chunks.push({ partition, records, nextOffset });
      waiting += records.length;
      if (waiting > PAUSE_AT_RECORDS) subscription?.pause();
      if (!working) work().catch(fail);
    },
  });
  subscription = running;

  return {
    done: Promise.race([running.done, failed]),
    reached: async (ends) => {
      const isReached = (): boolean =>
        [...ends].every(([partition, end]) => end === 0 || (taken.get(partition) ?? 0) >= end);
      while (!isReached()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    },
    lastOffsets: () => lastOffsets,
    stop: () => running.stop(),
  };
}

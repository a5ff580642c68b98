import type { Log, LogRecord } from '../../../src/log';

/** All records of the topics that are committed now, in the order of each partition. */
export async function readAll(log: Pick<Log, 'read'>, ...topics: readonly string[]): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  const reading = await log.read({ topics, follow: false, onRecord: (record) => void records.push(record) });
  await reading.caughtUp;
  await reading.stop();
  return records;
}

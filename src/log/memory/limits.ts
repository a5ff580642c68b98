import type { OutRecord } from '../port';
import { aloneBytes } from '../record-size';
import type { TopicStore } from './topic-store';

/** Kafka's answer to the record; null: the topic takes it. */
export function refusalOf(store: TopicStore, record: Omit<OutRecord, 'partition'>): string | null {
  const largest = store.largestRecordBytes(record.topic);
  return largest !== null && aloneBytes(record) > largest
    ? 'MESSAGE_TOO_LARGE: larger than the topic’s largest record'
    : null;
}

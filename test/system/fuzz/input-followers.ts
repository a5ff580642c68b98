import { aloneBytes, type LogRecord } from '../../../src/log';

export interface DeadLetters {
  see(record: LogRecord): void;
  /** Whether the record at this place became one since `forget`. */
  has(place: string): boolean;
  /** Of records that became one since `forget`, those that only grew too large left out. */
  places(): readonly string[];
  forget(): void;
  count(): number;
  /** The greatest so far, bytes. */
  largest(): number;
}

export const placeOf = (topic: string, partition: number, offset: number): string => `${topic} ${partition} ${offset}`;

export function createDeadLetters(): DeadLetters {
  const places = new Set<string>();
  const tooLarge = new Set<string>();
  let count = 0;
  let largest = 0;
  return {
    see(record) {
      const { headers } = record;
      count++;
      largest = Math.max(largest, aloneBytes(record));
      const { 'source.topic': topic, 'source.partition': partition, 'source.offset': offset } = headers;
      // One of the way in has a line for its origin.
      if (topic === undefined) return;
      const place = placeOf(topic, Number(partition), Number(offset));
      places.add(place);
      if (headers['error.reason'] === 'too-large') tooLarge.add(place);
    },
    has: (place) => places.has(place),
    places: () => [...places].filter((place) => !tooLarge.has(place)),
    forget() {
      places.clear();
      tooLarge.clear();
    },
    count: () => count,
    largest: () => largest,
  };
}

/** A record of the state topic that the fold did not write. */
export const FOREIGN = { 'fuzz.foreign': 'yes' };

/**
 * The conversations that have a row, with their last record, by partition: a damaged event may be in the partition of
 * another key, and the fold then has the conversation in both. Only the fold ends one: it still knows what others delete.
 */
export function createLiveKeys() {
  const rows = new Map<string, LogRecord>();
  return {
    see(record: LogRecord): void {
      const key = record.key?.toString() ?? '';
      const isForeign = 'fuzz.foreign' in record.headers;
      const place = `${record.partition} ${key}`;
      if (record.value !== null) rows.set(place, record);
      else if (!isForeign) rows.delete(place);
    },
    keys: () =>
      [...rows.values()].flatMap(({ key, partition }) =>
        key === null || key.length === 0 ? [] : [{ id: key.toString(), partition }],
      ),
    some: () => [...rows.values()],
  };
}

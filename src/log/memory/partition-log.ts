import type { Headers, LogRecord } from '../port';

/** One partition: committed records in order. Gaps mark dropped records. */
export interface PartitionLog {
  append(record: NewRecord): void;
  /** Up to `max` records from `offset` on. */
  slice(offset: number, max: number): readonly LogRecord[];
  beginning(): number;
  /** The offset after the last record. */
  end(): number;
  /** The offset of the first record of that time, epoch ms; the end if there is none. */
  firstSince(time: number): number;
  /** Drops the records below `offset`. */
  trim(offset: number): void;
  /** Compacts the records below `offset`: keeps the last record of every key, without tombstones. */
  compact(offset: number): void;
  /** Called after an append, once per turn. Returns a function that unsubscribes. */
  onAppend(listener: () => void): () => void;
}

export interface NewRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: number;
  readonly headers: Headers;
}

/** Compaction runs when the log has grown to this multiple of its size after the last one. */
const COMPACT_FACTOR = 2;
const COMPACT_LEAST = 4_096;

export function createPartitionLog(topic: string, partition: number): PartitionLog {
  let records: LogRecord[] = [];
  let head = 0;
  let beginning = 0;
  let end = 0;
  let compactAt = COMPACT_LEAST;
  const listeners = new Set<() => void>();

  /** The index of the first record at or after `offset`. */
  const indexOf = (offset: number): number => {
    const first = records[head];
    if (first === undefined || offset <= first.offset) return head;
    // Without gaps an addition is enough.
    const guess = head + (offset - first.offset);
    if (records[guess]?.offset === offset) return guess;
    let low = head;
    let high = records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((records[middle]?.offset ?? Infinity) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    append({ key, value, timestamp, headers }) {
      records.push({ topic, partition, offset: end, key, value, timestamp, headers });
      end += 1;
      for (const listener of listeners) listener();
    },
    slice(offset, max) {
      const from = indexOf(offset);
      return records.slice(from, from + max);
    },
    beginning: () => beginning,
    end: () => end,
    firstSince: (time) => records.slice(head).find(({ timestamp }) => timestamp >= time)?.offset ?? end,
    trim(offset) {
      if (offset <= beginning) return;
      beginning = Math.min(offset, end);
      head = indexOf(beginning);
      if (head < 1_024 || head * 2 < records.length) return;
      records = records.slice(head);
      head = 0;
    },
    compact(offset) {
      if (records.length - head < compactAt) return;
      const to = indexOf(offset);
      const seen = new Set<string>();
      const kept: LogRecord[] = [];
      for (let i = records.length - 1; i >= head; i--) {
        const record = records[i];
        if (record === undefined) continue;
        const key = record.key?.toString('latin1');
        const isLast = key === undefined || !seen.has(key);
        if (key !== undefined) seen.add(key);
        if (i >= to || (isLast && record.value !== null)) kept.push(record);
      }
      records = kept.reverse();
      head = 0;
      compactAt = Math.max(COMPACT_LEAST, records.length * COMPACT_FACTOR);
    },
    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

import type { LogRecord } from '../port';

/** Records handed over by the reader, waiting for their task; batches are passed on as they came wherever possible. */
export interface RecordQueue {
  push(records: readonly LogRecord[], nextOffset: number): void;
  /** Up to `max` records, oldest first, with the offset that follows them; null when nothing waits. */
  take(max: number): Taken | null;
  clear(): void;
  size(): number;
  bytes(): number;
}

export interface Taken {
  readonly records: readonly LogRecord[];
  readonly nextOffset: number;
}

interface Chunk {
  readonly records: readonly LogRecord[];
  readonly nextOffset: number;
  readonly bytes: number;
  from: number;
}

export function createRecordQueue(): RecordQueue {
  let chunks: Chunk[] = [];
  let head = 0;
  let size = 0;
  let bytes = 0;

  const drop = (chunk: Chunk): void => {
    bytes -= chunk.bytes;
    head += 1;
    if (head > 64 && head * 2 > chunks.length) {
      chunks = chunks.slice(head);
      head = 0;
    }
  };

  return {
    push(records, nextOffset) {
      let added = 0;
      for (const record of records) added += (record.value?.length ?? 0) + 64;
      chunks.push({ records, nextOffset, bytes: added, from: 0 });
      size += records.length;
      bytes += added;
    },
    take(max) {
      const first = chunks[head];
      if (first === undefined) return null;
      if (
        first.from === 0 &&
        first.records.length <= max &&
        (head + 1 === chunks.length || first.records.length === max)
      ) {
        drop(first);
        size -= first.records.length;
        return first;
      }
      const records: LogRecord[] = [];
      let nextOffset = first.nextOffset;
      for (let chunk = chunks[head]; chunk !== undefined && records.length < max; chunk = chunks[head]) {
        const to = Math.min(chunk.records.length, chunk.from + max - records.length);
        for (let i = chunk.from; i < to; i++) {
          const record = chunk.records[i];
          if (record !== undefined) records.push(record);
        }
        size -= to - chunk.from;
        chunk.from = to;
        if (to < chunk.records.length) {
          nextOffset = (records.at(-1)?.offset ?? nextOffset - 1) + 1;
          break;
        }
        nextOffset = chunk.nextOffset;
        drop(chunk);
      }
      return { records, nextOffset };
    },
    clear() {
      chunks = [];
      head = size = bytes = 0;
    },
    size: () => size,
    bytes: () => bytes,
  };
}

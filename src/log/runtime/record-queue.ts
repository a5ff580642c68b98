import type { LogRecord } from '../port';

/**
 * Records that the reader has handed over and that wait for their task. Batches are passed on as they came where
 * possible.
 */
export interface RecordQueue {
  push(records: readonly LogRecord[], nextOffset: number): void;
  /** Puts records that were taken last and are not done back to the front. */
  putBack(records: readonly LogRecord[], nextOffset: number): void;
  /** Up to `max` records, oldest first, with the offset after them; null: no record waits. */
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
  const chunks: Chunk[] = [];
  let size = 0;
  let bytes = 0;

  /**
   * There are few chunks, so moving them up costs less than the memory of a dropped chunk that is kept a little longer.
   */
  const drop = (chunk: Chunk): void => {
    bytes -= chunk.bytes;
    chunks.shift();
  };

  return {
    push(records, nextOffset) {
      const added = bytesOf(records);
      chunks.push({ records, nextOffset, bytes: added, from: 0 });
      size += records.length;
      bytes += added;
    },
    putBack(records, nextOffset) {
      const added = bytesOf(records);
      chunks.unshift({ records, nextOffset, bytes: added, from: 0 });
      size += records.length;
      bytes += added;
    },
    take(max) {
      const first = chunks[0];
      if (first === undefined) return null;
      if (first.from === 0 && first.records.length <= max && (chunks.length === 1 || first.records.length === max)) {
        drop(first);
        size -= first.records.length;
        return first;
      }
      const records: LogRecord[] = [];
      let nextOffset = first.nextOffset;
      for (let chunk = chunks[0]; chunk !== undefined && records.length < max; chunk = chunks[0]) {
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
      chunks.length = 0;
      size = bytes = 0;
    },
    size: () => size,
    bytes: () => bytes,
  };
}

function bytesOf(records: readonly LogRecord[]): number {
  let bytes = 0;
  for (const { key, value } of records) bytes += (key?.length ?? 0) + (value?.length ?? 0) + 64;
  return bytes;
}

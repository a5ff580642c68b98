import type { LogRecord } from '../log';

/** Records of several partitions that are taken as one batch. */
export interface Batch {
  readonly records: readonly LogRecord[];
  /** When the oldest of them was read, epoch ms. */
  readonly readAt: number;
  /** How far each partition has come with this batch; `assignment` tells whether it is still the same one. */
  readonly ends: readonly { readonly partition: number; readonly offset: number; readonly assignment: object }[];
}

export interface SinkBuffer {
  /** To call when a partition was assigned (again). Forgets its records. */
  assign(partition: number): void;
  revoke(partition: number): void;
  /** False if the partition was lost since the batch was taken. */
  isCurrent(partition: number, assignment: object): boolean;
  add(partition: number, records: readonly LogRecord[], nextOffset: number): void;
  /**
   * Takes up to `limit` records, in the order of each partition. Null: there is nothing, not even an offset to commit.
   */
  take(limit: number): Batch | null;
  rows(): number;
  bytes(): number;
  /** How long the oldest record has waited, ms, whatever the clock of the machine does. Null: there is none. */
  waitedMs(): number | null;
}

interface PartitionBuffer {
  /** An object per assignment: only its identity counts. */
  readonly assignment: object;
  records: LogRecord[];
  /** Up to which offset records were read, and when, in order. */
  arrivals: { readonly nextOffset: number; readonly at: number }[];
  nextOffset: number | null;
  takenOffset: number | null;
}

export function createSinkBuffer(now: () => number = Date.now): SinkBuffer {
  const partitions = new Map<number, PartitionBuffer>();
  let rows = 0;
  let bytes = 0;
  let since: number | null = null;

  const forget = (partition: number): void => {
    const records = partitions.get(partition)?.records ?? [];
    partitions.delete(partition);
    rows -= records.length;
    bytes -= sizeOf(records);
  };

  /** What is left counts as new: there is more than a full batch only under load, when the next one fills soon. */
  const restart = (): void => {
    const left = [...partitions.values()].some(({ nextOffset, takenOffset }) => nextOffset !== takenOffset);
    since = left ? performance.now() : null;
  };

  return {
    assign: (partition) => {
      forget(partition);
      partitions.set(partition, { assignment: {}, records: [], arrivals: [], nextOffset: null, takenOffset: null });
      restart();
    },
    revoke: (partition) => {
      forget(partition);
      restart();
    },
    isCurrent: (partition, assignment) => partitions.get(partition)?.assignment === assignment,
    add: (partition, records, nextOffset) => {
      const buffer = partitions.get(partition);
      if (buffer === undefined) return;
      if (buffer.records.length === 0) buffer.records = [...records];
      else for (const record of records) buffer.records.push(record);
      buffer.nextOffset = nextOffset;
      buffer.arrivals.push({ nextOffset, at: now() });
      rows += records.length;
      bytes += sizeOf(records);
      since ??= performance.now();
    },
    take: (limit) => {
      const taken: LogRecord[] = [];
      let readAt = now();
      const ends: { partition: number; offset: number; assignment: object }[] = [];
      for (const [partition, buffer] of partitions) {
        if (buffer.nextOffset === null || buffer.nextOffset === buffer.takenOffset) continue;
        const share = buffer.records.splice(0, limit - taken.length);
        const last = share.at(-1);
        // Markers of transactions may follow the last record. Their offsets count as read.
        const offset = buffer.records.length === 0 ? buffer.nextOffset : last === undefined ? null : last.offset + 1;
        if (offset === null) continue;
        for (const record of share) taken.push(record);
        buffer.takenOffset = offset;
        readAt = Math.min(readAt, buffer.arrivals[0]?.at ?? readAt);
        buffer.arrivals = buffer.arrivals.filter((arrival) => arrival.nextOffset > offset);
        ends.push({ partition, offset, assignment: buffer.assignment });
      }
      rows -= taken.length;
      bytes -= sizeOf(taken);
      restart();
      rotate(partitions);
      return ends.length === 0 ? null : { records: taken, readAt, ends };
    },
    rows: () => rows,
    bytes: () => bytes,
    waitedMs: () => (since === null ? null : performance.now() - since),
  };
}

/** The first partition moves to the end, so that a busy partition does not starve the others. */
function rotate<V>(map: Map<number, V>): void {
  const [first] = map;
  if (first === undefined) return;
  map.delete(first[0]);
  map.set(first[0], first[1]);
}

function sizeOf(records: readonly LogRecord[]): number {
  let size = 0;
  for (const { key, value } of records) size += (key?.length ?? 0) + (value?.length ?? 0);
  return size;
}

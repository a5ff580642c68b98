/**
 * The low watermark of each partition: every tombstone that was written before it is stored. It follows from ends of the
 * topic: once everything below an end is stored, the watermark is the time at which that end was asked for. The records'
 * own timestamps would not do, because they are receive times, years old in a replay.
 */
export interface LowWatermarks {
  /** Keeps the watermark of the partition from here on. */
  begin(partition: number, start: { readonly watermark: number; readonly storedTo: number }): void;
  forget(partition: number): void;
  /** The topic's ends as they were at `at`. */
  sample(ends: ReadonlyMap<number, number>, at: number): void;
  /** Every record below `offset` is stored. */
  stored(partition: number, offset: number): void;
  /** Null: the partition has no watermark here. */
  of(partition: number): number | null;
}

interface Kept {
  watermark: number;
  storedTo: number;
  /** Ends not yet reached, in their order. */
  samples: { readonly end: number; readonly at: number }[];
}

/** With more samples, every second one is dropped. Fewer samples only make the watermark less exact. */
const MOST_SAMPLES = 200;

export function createLowWatermarks(): LowWatermarks {
  const partitions = new Map<number, Kept>();

  const settle = (kept: Kept): void => {
    let next = kept.samples[0];
    while (next !== undefined && next.end <= kept.storedTo) {
      kept.watermark = Math.max(kept.watermark, next.at);
      kept.samples.shift();
      next = kept.samples[0];
    }
  };

  return {
    begin: (partition, start) => void partitions.set(partition, { ...start, samples: [] }),
    forget: (partition) => void partitions.delete(partition),
    sample: (ends, at) => {
      for (const [partition, end] of ends) {
        const kept = partitions.get(partition);
        if (kept === undefined) continue;
        kept.samples.push({ end, at });
        if (kept.samples.length > MOST_SAMPLES) kept.samples = kept.samples.filter((_, index) => index % 2 === 0);
        settle(kept);
      }
    },
    stored: (partition, offset) => {
      const kept = partitions.get(partition);
      if (kept === undefined) return;
      kept.storedTo = Math.max(kept.storedTo, offset);
      settle(kept);
    },
    of: (partition) => partitions.get(partition)?.watermark ?? null,
  };
}

/**
 * The low watermark of each partition: every tombstone that was written before it is stored. It follows from ends of the
 * topic: once everything below an end is stored, the watermark is the time at which that end was asked for. The records'
 * own timestamps would not do, because they are receive times, years old in a replay.
 */
export interface LowWatermarks {
  /** From here on the partition is kept. */
  begin(partition: number, start: { readonly asOfMs: number; readonly storedTo: number }): void;
  forget(partition: number): void;
  /** The topic's ends as they were at `at`. */
  sample(ends: ReadonlyMap<number, number>, at: number): void;
  /** Every record below `offset` is stored. */
  stored(partition: number, offset: number): void;
  /** Null for a partition that is not kept. */
  of(partition: number): number | null;
}

interface Kept {
  asOfMs: number;
  storedTo: number;
  /** Ends not yet reached, in their order. */
  samples: { readonly end: number; readonly at: number }[];
}

/** Beyond it every second one is dropped: fewer samples are only less exact. */
const MOST_SAMPLES = 200;

export function createLowWatermarks(): LowWatermarks {
  const partitions = new Map<number, Kept>();

  const settle = (kept: Kept): void => {
    let next = kept.samples[0];
    while (next !== undefined && next.end <= kept.storedTo) {
      kept.asOfMs = Math.max(kept.asOfMs, next.at);
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
    of: (partition) => partitions.get(partition)?.asOfMs ?? null,
  };
}

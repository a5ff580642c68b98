import { replaceExports } from '../internals';

interface RecordInput {
  readonly timestampDelta?: number;
}
export type EncodeRecord = (record: RecordInput) => object;
interface BatchInput {
  readonly firstTimestamp?: number | string;
  readonly maxTimestamp?: number | string;
  readonly records?: readonly object[];
}
export interface RecordBatchModule {
  readonly RecordBatch: (batch: BatchInput) => Promise<object>;
}

/**
 * R8: a batch's maxTimestamp is not its greatest timestamp. `produce/v3/request` sorts timestamps as text and takes the
 * last (so 999 beats 1000, and a record without a timestamp, which takes the time of producing, does not count beside
 * one that has one). The broker believes it: time indexes, `retention.ms` and offsets by time are wrong. Repair: the
 * greatest, from the deltas of the encoded records.
 */
export function repairMaxTimestamp(): void {
  const deltas = new WeakMap<object, number>();
  replaceExports<EncodeRecord>('protocol/recordBatch/record/v0/index', (stock) => (record) => {
    const encoded = stock(record);
    deltas.set(encoded, record.timestampDelta ?? 0);
    return encoded;
  });
  replaceExports<RecordBatchModule>('protocol/recordBatch/v0/index', (stock) => ({
    ...stock,
    RecordBatch: (batch) => {
      if (batch.records === undefined || batch.firstTimestamp === undefined) return stock.RecordBatch(batch);
      let greatest = 0;
      for (const record of batch.records) greatest = Math.max(greatest, deltas.get(record) ?? 0);
      return stock.RecordBatch({ ...batch, maxTimestamp: Number(batch.firstTimestamp) + greatest });
    },
  }));
}

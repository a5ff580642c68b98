import { replaceExports } from '../internals';

interface DecodedRecord {
  readonly offset: string;
}
export interface DecodedBatch {
  readonly firstOffset: string;
  readonly lastOffsetDelta: number;
  readonly maxTimestamp: string;
  readonly records: DecodedRecord[];
}
export type DecodeRecordBatch = (decoder: unknown) => Promise<DecodedBatch>;

/**
 * R3: empty batches stop a consumer forever. Compaction keeps the last batch of a producer id even if that batch has
 * lost all its records. kafkajs takes its next position from records. So a fetch that answers only such a batch moves
 * nothing and is repeated forever (stuck at 10 of 41; 26,190 fetches in 6 s). It needs an idle producer id whose last
 * batch ends a cleaned segment: exactly the state of a compacted transactional topic after a task moved or was renamed.
 * Repair: if no record reaches a batch's last offset, the batch gets a synthetic control record there, which the
 * consumer counts and never delivers. This also covers batches that lost only their last records.
 */
export function repairEmptyBatches(): void {
  replaceExports<DecodeRecordBatch>('protocol/recordBatch/v0/decoder', (stock) => async (decoder) => {
    const batch = await stock(decoder);
    const lastOffset = String(BigInt(batch.firstOffset) + BigInt(batch.lastOffsetDelta));
    if (batch.records.at(-1)?.offset !== lastOffset) {
      const { records, ...batchContext } = batch;
      const marker = {
        magicByte: 2,
        attributes: 0,
        timestamp: batch.maxTimestamp,
        offset: lastOffset,
        key: null,
        value: null,
        headers: {},
        isControlRecord: true,
        batchContext,
      };
      records.push(marker);
    }
    return batch;
  });
}

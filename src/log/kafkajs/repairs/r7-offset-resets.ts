import type { Consumer } from 'kafkajs';
import { requireInternal } from '../internals';

interface OutOfRange {
  readonly topic: string;
  readonly partition: number;
}
interface ConsumerGroup {
  readonly instrumentationEmitter: { emit(event: string, payload: OutOfRange): void };
  readonly preferredReadReplicasPerTopicPartition: Partial<Record<string, Partial<Record<number, unknown>>>>;
  recoverFromOffsetOutOfRange(error: OutOfRange): Promise<void>;
}

const EVENT = 'consumer.offset_out_of_range';

/**
 * R7: OFFSET_OUT_OF_RANGE overwrites the group's committed offset (with −1, or the earliest or latest), even with
 * `autoCommit: false`: seen 5 → −1. Records are silently skipped or read again, and the truth is gone.
 * Repair: commit nothing; tell the consumer's owner, who pauses the partition and decides. As in kafkajs, a follower's
 * answer is first tried again with the leader.
 */
export function repairOffsetResets(): void {
  // Before consumer/index is loaded, which takes the list of allowed event names at load time.
  (requireInternal('consumer/instrumentationEvents') as { events: Record<string, string> }).events[
    'OFFSET_OUT_OF_RANGE'
  ] = EVENT;
  const { prototype } = requireInternal('consumer/consumerGroup') as { prototype: ConsumerGroup };
  prototype.recoverFromOffsetOutOfRange = function ({ topic, partition }) {
    const preferred = this.preferredReadReplicasPerTopicPartition[topic];
    if (preferred?.[partition] === undefined) this.instrumentationEmitter.emit(EVENT, { topic, partition });
    else preferred[partition] = undefined;
    return Promise.resolve();
  };
}

/** The listener must pause or seek the partition at once: the next fetch comes right after. */
export function onOffsetOutOfRange(consumer: Consumer, listener: (partition: OutOfRange) => void): void {
  const { on } = consumer as unknown as { on(event: string, call: (event: { payload: OutOfRange }) => void): void };
  on(EVENT, ({ payload }) => listener(payload));
}

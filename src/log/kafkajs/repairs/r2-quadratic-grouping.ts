import { replaceExports } from '../internals';

interface Request {
  readonly topic: string;
  readonly partitionMetadata: readonly unknown[];
  readonly messages: readonly unknown[];
  readonly partitioner: (input: { topic: string; partitionMetadata: readonly unknown[]; message: unknown }) => number;
}
export type GroupMessagesPerPartition = (request: Request) => Record<number, unknown[]>;

/**
 * R2: producing is quadratic in the messages of a partition: `producer/groupMessagesPerPartition` copies the whole group
 * for every message. 20,000 messages to one partition: 1.4 s.
 * Repair: push. (One send is one batch, so senders still keep to chunks that `max.message.bytes` allows.)
 */
export function repairQuadraticGrouping(): void {
  replaceExports<GroupMessagesPerPartition>('producer/groupMessagesPerPartition', () => group);
}

const group: GroupMessagesPerPartition = ({ topic, partitionMetadata, messages, partitioner }) => {
  const groups: Record<number, unknown[]> = {};
  if (partitionMetadata.length === 0) return groups;
  for (const message of messages) {
    const partition = partitioner({ topic, partitionMetadata, message });
    (groups[partition] ??= []).push(message);
  }
  return groups;
};

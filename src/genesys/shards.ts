import { createHash } from 'node:crypto';

/** A bridge's part of the queues: those with `shardOf(id, count) === index`. */
export interface Shard {
  /** 0 to `count` − 1. */
  readonly index: number;
  readonly count: number;
}

export const WHOLE: Shard = { index: 0, count: 1 };

/**
 * The result is the same on every machine and in every version, because bridges that are updated one by one must agree.
 */
export function shardOf(queueId: string, count: number): number {
  return count === 1 ? 0 : createHash('sha256').update(queueId).digest().readUInt32BE(0) % count;
}

export const isInShard = (queueId: string, { index, count }: Shard): boolean => shardOf(queueId, count) === index;

import { identifier, type Store } from './client';
import { epochOf, offsetOf, type StoreRow } from './encode';

/** Live conversations of some partitions that have not been found in the topic so far. */
export interface LiveKeys {
  seen(conversationId: string, partition: number): void;
  /** How many are left. */
  size(): number;
  /**
   * The conversations that the topic did not have, and whose row is not newer than the ends up to which it was read.
   */
  tombstones(ends: ReadonlyMap<number, number>, timestamp: number): readonly StoreRow[];
}

export interface LiveKeysRequest {
  readonly epoch: number;
  readonly partitions: ReadonlySet<number>;
  /** The place of a conversation in the topic, for rows of an older epoch. */
  readonly partitionOf: (key: string) => number;
}

interface LiveKey {
  readonly partition: number;
  /** Null: the row is of an older epoch. */
  readonly offset: number | null;
}

/** Reads the conversations that are live in the table now, and keeps them in memory. */
export async function readLiveKeys(store: Store, request: LiveKeysRequest): Promise<LiveKeys> {
  const { epoch, partitions, partitionOf } = request;
  const result = await store.client.query({
    query:
      'SELECT conversation_id AS id, _partition AS partition, toString(_version) AS version ' +
      `FROM ${identifier(store.database)}.queue_conversation_state FINAL`,
    format: 'JSONEachRow',
  });
  const live = new Map<string, LiveKey>();
  for (const row of await result.json<{ id: string; partition: number; version: string }>()) {
    if (epochOf(row.version) > epoch) continue;
    const offset = offsetOf(epoch, row.version);
    const partition = offset === null ? partitionOf(row.id) : row.partition;
    if (partitions.has(partition)) live.set(row.id, { partition, offset });
  }
  return {
    seen: (conversationId, partition) => {
      if (live.get(conversationId)?.partition === partition) live.delete(conversationId);
    },
    size: () => live.size,
    tombstones: (ends, timestamp) =>
      [...live].flatMap(([conversationId, { partition, offset }]) => {
        const end = ends.get(partition) ?? 0;
        if (offset !== null && offset >= end) return [];
        return [{ kind: 'tombstone', conversationId, timestamp, partition, offset: offset === null ? -1 : end - 1 }];
      }),
  };
}

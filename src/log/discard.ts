import type { Log, RunningSubscription } from './port';

/**
 * Reads a topic of the in-process log and drops its records: records without another reader must not fill the memory.
 */
export async function discard(log: Log, topic: string): Promise<RunningSubscription> {
  const subscription: RunningSubscription = await log.subscribe({
    group: `${topic}-discard`,
    topic,
    onAssigned: () => Promise.resolve(new Map()),
    onRevoked: () => undefined,
    onRecords: (partition, _records, nextOffset) => {
      queueMicrotask(() => void subscription.commit([{ partition, offset: nextOffset }]));
    },
  });
  return subscription;
}

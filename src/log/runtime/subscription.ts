import type { Logger } from 'pino';
import { createDeferred, jittered, OperatorError } from '../../common';
import type { Metrics } from '../../ops';
import type { RunningSubscription, Subscription } from '../port';
import type { Backend, Member, PartitionOffsets } from './backend';
import { createRuntimeMetrics, type RuntimeMetrics } from './runtime-metrics';

export interface SubscriptionOptions {
  readonly backend: Backend;
  readonly subscription: Subscription;
  readonly logger: Logger;
  readonly metrics: Metrics | undefined;
}

/** One owned partition. Every assignment makes a new object, so that answers for an older one are recognized. */
interface Owned {
  readonly partition: number;
  started: boolean;
  nextOffset: number;
  endOffset: number | null;
}

const RETRY_MS = 500;

/** Reads a topic as one member of a group, at least once. The subscriber decides where to start and what to commit. */
export async function startSubscription(options: SubscriptionOptions): Promise<RunningSubscription> {
  const reader = new GroupReader(options);
  await reader.join();
  return reader;
}

class GroupReader implements RunningSubscription {
  readonly #backend: Backend;
  readonly #subscription: Subscription;
  readonly #logger: Logger;
  readonly #metrics: RuntimeMetrics;
  readonly #member: Member;
  readonly #owned = new Map<number, Owned>();
  readonly #end = createDeferred<undefined>();
  #paused = false;
  #stopping: Promise<void> | null = null;

  constructor({ backend, subscription, logger, metrics }: SubscriptionOptions) {
    const { group, topic } = subscription;
    this.#backend = backend;
    this.#subscription = subscription;
    this.#logger = logger.child({ group, topic });
    this.#metrics = createRuntimeMetrics(metrics, group);
    this.#member = backend.member({
      group,
      topic,
      listener: {
        onAssignment: (partitions) => this.#assign(partitions),
        onRecords: (partition, records, nextOffset, endOffset) => {
          const entry = this.#owned.get(partition);
          if (entry?.started !== true || this.#stopping !== null) return;
          entry.nextOffset = nextOffset;
          entry.endOffset = endOffset;
          this.#attempt(() => this.#subscription.onRecords(partition, records, nextOffset));
        },
        onOutOfRange: (partition) => {
          const entry = this.#owned.get(partition);
          if (entry !== undefined) this.#outOfRange(entry).catch((error: unknown) => this.#fail(error));
        },
        onFailed: (error) => this.#fail(error),
      },
    });
  }

  get done(): Promise<void> {
    return this.#end.promise;
  }

  /** Call it once. */
  async join(): Promise<void> {
    await this.#member.join();
  }

  status(): ReturnType<RunningSubscription['status']> {
    return [...this.#owned.values()].map(({ partition, nextOffset, endOffset }) => ({
      partition,
      nextOffset,
      lag: endOffset === null ? null : Math.max(0, endOffset - nextOffset),
    }));
  }

  ready(): boolean {
    return (
      this.#stopping === null && this.#member.joined() && [...this.#owned.values()].every(({ started }) => started)
    );
  }

  turns(): number | null {
    return this.#member.turns();
  }

  pause(): void {
    this.#paused = true;
    for (const { partition, started } of this.#owned.values()) if (started) this.#member.pause(partition);
  }

  resume(): void {
    this.#paused = false;
    for (const { partition, started } of this.#owned.values()) if (started) this.#member.resume(partition);
  }

  async commit(offsets: Parameters<RunningSubscription['commit']>[0]): Promise<void> {
    const mine = offsets.filter(({ partition }) => this.#owned.get(partition)?.started === true);
    if (mine.length > 0) await this.#member.commit(mine);
  }

  async stop(): Promise<void> {
    if (this.#stopping === null) {
      this.#stopping = this.#shutDown();
      this.#stopping.then(() => this.#end.resolve(undefined), this.#end.reject);
    }
    await this.#stopping;
  }

  #assign(partitions: readonly number[]): void {
    if (this.#stopping !== null) return;
    const owned = this.#owned;
    this.#metrics.onAssignment();
    this.#logger.info({ partitions }, 'partitions assigned');
    const revoked = [...owned.keys()].filter((partition) => !partitions.includes(partition));
    for (const partition of revoked) owned.delete(partition);
    if (revoked.length > 0) this.#attempt(() => this.#subscription.onRevoked(revoked));
    const added: Owned[] = [];
    for (const partition of partitions) {
      if (owned.has(partition)) continue;
      const entry: Owned = { partition, started: false, nextOffset: 0, endOffset: null };
      owned.set(partition, entry);
      added.push(entry);
    }
    if (added.length > 0) this.#begin(added).catch((error: unknown) => this.#fail(error));
  }

  async #begin(entries: readonly Owned[]): Promise<void> {
    const offsets = await this.#offsetsOf(entries);
    if (offsets.length === 0) return;
    const chosen = await this.#subscription.onAssigned(offsets);
    for (const bounds of offsets) {
      const entry = entries.find(({ partition }) => partition === bounds.partition);
      if (entry === undefined || !this.#isCurrent(entry)) continue;
      entry.nextOffset = this.#startOffset(bounds, chosen.get(bounds.partition));
      entry.endOffset = bounds.endOffset;
      entry.started = true;
      this.#member.start(entry.partition, entry.nextOffset);
      if (this.#paused) this.#member.pause(entry.partition);
    }
  }

  async #offsetsOf(entries: readonly Owned[]): Promise<readonly PartitionOffsets[]> {
    const { group, topic } = this.#subscription;
    for (;;) {
      const current = entries.filter((entry) => this.#isCurrent(entry));
      if (current.length === 0) return [];
      try {
        return await this.#backend.groupOffsets(
          group,
          topic,
          current.map(({ partition }) => partition),
        );
      } catch (error) {
        this.#logger.warn({ err: error }, 'Kafka does not give the committed offsets yet');
        await new Promise((resolve) => setTimeout(resolve, jittered(RETRY_MS)));
      }
    }
  }

  #startOffset(bounds: PartitionOffsets, chosen: number | undefined): number {
    const { group, topic } = this.#subscription;
    const wanted = chosen ?? bounds.committedOffset ?? bounds.beginningOffset;
    if (wanted > bounds.endOffset) {
      // An operator can reset only an offset of the group.
      const remedy =
        chosen === undefined
          ? 'Stop every reader of the group, then ' +
            `kafka-consumer-groups --group ${group} --topic ${topic} --reset-offsets --to-earliest --execute`
          : 'Start the reader again.';
      throw new OperatorError(
        `${topic}/${bounds.partition}: group ${group} wants offset ${wanted}, but the topic ends at ${bounds.endOffset}: ` +
          `the topic was recreated or restored from an older copy. ${remedy}`,
      );
    }
    if (wanted < bounds.beginningOffset) {
      this.#logger.warn(
        { partition: bounds.partition, wanted, begins: bounds.beginningOffset },
        'Kafka deleted records before queuefold read them',
      );
      return bounds.beginningOffset;
    }
    return wanted;
  }

  async #outOfRange(entry: Owned): Promise<void> {
    const [bounds] = await this.#offsetsOf([entry]);
    if (bounds === undefined || !this.#isCurrent(entry)) return;
    const from = entry.nextOffset;
    entry.nextOffset = this.#startOffset(bounds, from);
    if (from < entry.nextOffset) this.#subscription.onSkipped?.(entry.partition, from, entry.nextOffset);
    this.#member.start(entry.partition, entry.nextOffset);
  }

  #isCurrent(entry: Owned): boolean {
    return this.#stopping === null && this.#owned.get(entry.partition) === entry;
  }

  #attempt(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#stopping !== null) return;
    this.#logger.error({ err: error }, 'the subscription ends after an error');
    this.#stopping = this.#shutDown().catch((later: unknown) =>
      this.#logger.warn({ err: later }, 'the subscription could not stop cleanly after an error'),
    );
    void this.#stopping.then(() => this.#end.reject(error));
  }

  async #shutDown(): Promise<void> {
    await this.#member.leave();
    this.#owned.clear();
  }
}

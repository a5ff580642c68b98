import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, jittered } from '../../../common';
import type { LogRecord } from '../../port';
import { batchClass, READ_COMMITTED, type Cluster } from '../cluster';
import { protocolTypes, type KafkajsError } from '../internals';
import { toRecords } from '../records';
import { unreadableIn } from '../repairs';
import { isPassing } from '../unreachable';

export interface FetcherOptions {
  readonly cluster: Cluster;
  readonly topic: string;
  /** @see MemberListener.onRecords */
  readonly onRecords: (partition: number, records: readonly LogRecord[], nextOffset: number, endOffset: number) => void;
  /** The log has no record at this offset; the fetcher no longer fetches the partition. */
  readonly onOutOfRange: (partition: number, offset: number) => void;
  /** The fetcher has stopped for good. */
  readonly onFailed: (error: unknown) => void;
}

/** An answer that came while its partition was paused. */
interface Held {
  readonly records: readonly LogRecord[];
  readonly nextOffset: number;
  readonly endOffset: number;
}

/**
 * A partition that is being delivered. Every start makes a new object, so that answers for an older one are dropped.
 */
interface Flow {
  readonly partition: number;
  position: number;
  paused: boolean;
  held: Held | null;
}

/** The time-out of the fetch's long poll. */
const MAX_WAIT_MS = 100;
const PARTITION_BYTES = 1024 * 1024;
const FETCH_BYTES = 4 * 1024 * 1024;
const RETRY_MS = 50;
const LAST_RETRY_MS = 1_000;

/**
 * Reads partitions of one topic from offsets that its owner sets, with one loop for each broker that leads any of them.
 * It does not depend on groups, so it continues while a group shares its partitions out again.
 */
export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #flows = new Map<number, Flow>();
  /** The brokers that have a running loop. */
  readonly #loops = new Set<number>();
  #looksForLeaders = false;
  #stopped = false;
  #turns = 0;

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /** Counts every answer, also an empty one or an error. */
  turns(): number {
    return this.#turns;
  }

  /** No partition is to be fetched. */
  isIdle(): boolean {
    return [...this.#flows.values()].every(({ paused }) => paused);
  }

  start(partition: number, position: number): void {
    this.#flows.set(partition, { partition, position, paused: false, held: null });
    this.#wake();
  }

  pause(partition: number): void {
    const flow = this.#flows.get(partition);
    if (flow !== undefined) flow.paused = true;
  }

  resume(partition: number): void {
    const flow = this.#flows.get(partition);
    if (flow?.paused !== true) return;
    flow.paused = false;
    this.#wake();
  }

  drop(partition: number): void {
    this.#flows.delete(partition);
  }

  stop(): void {
    this.#stopped = true;
    this.#flows.clear();
  }

  // -------------------------------------------------------------------------------------------------------- the loops

  /** Starts a loop for every broker that leads a partition to be read. */
  #wake(): void {
    if (this.#stopped) return;
    for (const flow of this.#flows.values()) {
      if (flow.paused) continue;
      const leader = this.#leaderOf(flow.partition);
      if (leader === null) void this.#lookForLeaders();
      else if (!this.#loops.has(leader)) void this.#readFrom(leader);
    }
  }

  #leaderOf(partition: number): number | null {
    const { cluster, topic } = this.#options;
    const found = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
    return found === undefined || found.leader < 0 ? null : found.leader;
  }

  async #lookForLeaders(): Promise<void> {
    if (this.#looksForLeaders) return;
    this.#looksForLeaders = true;
    await sleep(jittered(LAST_RETRY_MS), undefined, { ref: false });
    await this.#refresh();
    this.#turns += 1;
    this.#looksForLeaders = false;
    this.#wake();
  }

  async #readFrom(nodeId: number): Promise<void> {
    this.#loops.add(nodeId);
    let failures = 0;
    // Not in the caller's turn: the caller may be the receiver of the records.
    await Promise.resolve();
    for (let mine = this.#readable(nodeId); mine.length > 0; mine = this.#readable(nodeId)) {
      try {
        await this.#fetchFrom(nodeId, mine);
        failures = 0;
      } catch (error) {
        failures += 1;
        await this.#recover(error, failures);
      }
      this.#turns += 1;
    }
    // In the same turn as the last check: a wake-up in between would be lost.
    this.#loops.delete(nodeId);
    // Its last partition may have another leader, and only this loop would notice it.
    this.#wake();
  }

  /** Hands over the held answers, then lists the flows to read from a broker. */
  #readable(nodeId: number): readonly Flow[] {
    if (this.#stopped) return [];
    const readable: Flow[] = [];
    for (const flow of [...this.#flows.values()]) {
      if (flow.paused || this.#leaderOf(flow.partition) !== nodeId) continue;
      const { held } = flow;
      flow.held = null;
      if (held !== null) this.#handOver(flow, held);
      if (this.#isReadable(flow)) readable.push(flow);
    }
    return readable;
  }

  #isReadable(flow: Flow): boolean {
    return this.#isCurrent(flow) && !flow.paused;
  }

  #isCurrent(flow: Flow): boolean {
    return !this.#stopped && this.#flows.get(flow.partition) === flow;
  }

  async #fetchFrom(nodeId: number, flows: readonly Flow[]): Promise<void> {
    const { cluster, topic } = this.#options;
    await cluster.refreshMetadataIfNecessary();
    const broker = await cluster.findBroker({ nodeId });
    const asked = flows.map((flow) => ({ flow, position: flow.position }));
    const { responses } = await broker.fetch({
      maxWaitTime: MAX_WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      isolationLevel: READ_COMMITTED,
      topics: [
        {
          topic,
          partitions: asked.map(({ flow, position }) => ({
            partition: flow.partition,
            fetchOffset: String(position),
            maxBytes: PARTITION_BYTES,
          })),
        },
      ],
    });
    const Batch = batchClass();
    for (const data of responses.flatMap(({ partitions }) => partitions)) {
      const one = asked.find(({ flow }) => flow.partition === data.partition);
      if (one === undefined || !this.#isCurrent(one.flow)) continue;
      const batch = new Batch(topic, String(one.position), data);
      if (batch.rawMessages.length === 0) continue;
      const nextOffset = Number(batch.lastOffset()) + 1;
      if (nextOffset <= one.position) continue;
      const records = toRecords(topic, data.partition, batch.messages, one.position);
      one.flow.position = nextOffset;
      const fetched: Held = { records, nextOffset, endOffset: Number(data.lastStableOffset) };
      if (one.flow.paused) one.flow.held = fetched;
      else this.#handOver(one.flow, fetched);
    }
  }

  #handOver({ partition }: Flow, { records, nextOffset, endOffset }: Held): void {
    try {
      this.#options.onRecords(partition, records, nextOffset, endOffset);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #recover(error: unknown, failures: number): Promise<void> {
    if (this.#stopped) return;
    const { cluster } = this.#options;
    if (protocolTypes(error).includes('OFFSET_OUT_OF_RANGE')) {
      this.#outOfRange(error as { readonly partition?: number });
      return;
    }
    const unreadable = unreadableIn(error);
    if (unreadable !== null || !isPassing(error)) {
      this.#fail(unreadable ?? error);
      return;
    }
    const { name, host, port } = error as KafkajsError & { host?: string; port?: number };
    if (name === 'KafkaJSConnectionClosedError' && host !== undefined && port !== undefined) {
      cluster.removeBroker({ host, port });
    }
    await sleep(jittered(backoffMs(failures, RETRY_MS, LAST_RETRY_MS)), undefined, { ref: false });
    await this.#refresh();
    // A partition may have another leader now.
    this.#wake();
  }

  #outOfRange({ partition }: { readonly partition?: number }): void {
    const flow = partition === undefined ? undefined : this.#flows.get(partition);
    if (flow === undefined) return;
    flow.paused = true;
    this.#options.onOutOfRange(flow.partition, flow.position);
  }

  async #refresh(): Promise<void> {
    await this.#options.cluster.refreshMetadata().catch(() => undefined);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#options.onFailed(error);
  }
}

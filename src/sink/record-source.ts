/**
 * What the sink needs of the log, in its own words: src/log/port.ts fits it. (The layers forbid the import: log and
 * store do not know one another.)
 */
export interface SourceRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  /** Null: a tombstone. */
  readonly value: Buffer | null;
  /** Epoch ms. */
  readonly timestamp: number;
}

export interface RecordSource<R extends SourceRecord> {
  subscribe(subscription: SourceSubscription<R>): Promise<RunningSource>;
  /** From the given offsets to the ends that are found at the call. */
  read(request: {
    readonly topics: readonly string[];
    readonly from?: ReadonlyMap<number, number>;
    readonly follow: false;
    onRecord(record: R): void;
  }): Promise<{ readonly caughtUp: Promise<void>; stop(): Promise<void> }>;
  endOffsets(topic: string): Promise<ReadonlyMap<number, number>>;
  topicId(topic: string): Promise<string | null>;
}

export interface SourceSubscription<R extends SourceRecord> {
  readonly group: string;
  readonly topic: string;
  onAssigned(partitions: readonly SourcePartition[]): Promise<ReadonlyMap<number, number>>;
  onRevoked(partitions: readonly number[]): void;
  onRecords(partition: number, records: readonly R[], nextOffset: number): void;
}

export interface SourcePartition {
  readonly partition: number;
  /** The first offset the partition still has. */
  readonly beginningOffset: number;
}

export interface RunningSource {
  readonly done: Promise<void>;
  ready(): boolean;
  /** Goes up whenever the loop that reads does anything; null: there is no such loop. */
  turns(): number | null;
  pause(): void;
  resume(): void;
  commit(offsets: readonly { partition: number; offset: number; metadata?: string }[]): Promise<void>;
  stop(): Promise<void>;
}

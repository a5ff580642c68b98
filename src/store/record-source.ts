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
  readonly committedOffset: number | null;
}

export interface RunningSource {
  readonly done: Promise<void>;
  ready(): boolean;
  pause(): void;
  resume(): void;
  commit(offsets: readonly { partition: number; offset: number; metadata?: string }[]): Promise<void>;
  stop(): Promise<void>;
}

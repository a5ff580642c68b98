import { messageOf } from '../common';
import { type FollowedTable, followTable, type Log, type UnreadableRecord, type ValueReader } from '../log';
import type { Logger } from '../ops';
import { LiveTable } from './live-table';
import type { Change, Freshness, RecordProblem, Table } from './types';

export interface RowSource<Value, Row> {
  readonly topic: string;
  readonly reader: ValueReader<Value>;
  readonly toRow: (value: Value) => Row;
  /** Which rows the table keeps; asked again every minute. Absent: all. */
  readonly keeps?: (row: Row) => boolean;
}

export interface FollowOptions<Value, Row> {
  readonly log: Pick<Log, 'read' | 'topicId' | 'tombstoneRetentionMs'>;
  readonly source: RowSource<Value, Row>;
  readonly logger: Logger;
  readonly onProblem?: ((problem: RecordProblem) => void) | undefined;
  /** For tests. */
  readonly retryMs?: number;
  readonly checkMs?: number;
}

/** Kafka answers at least every 100 ms. If it is silent for this long, it is away. */
const SILENT_MS = 3_000;
const SWEEP_MS = 60_000;

/** A topic's table in memory, behind the interface that programs see; by the topic's keys. */
export class FollowedRows<Value, Row> implements Omit<Table<Row>, 'close'> {
  readonly #live = new LiveTable<Row>();
  readonly #options: FollowOptions<Value, Row>;
  readonly #table: FollowedTable;
  readonly #sweeping: NodeJS.Timeout | null;
  /** The last reported offset of each partition: a new reading meets the same records again. */
  readonly #told = new Map<number, number>();
  #skipped = 0;
  #isClosed = false;

  constructor(options: FollowOptions<Value, Row>) {
    this.#options = options;
    const { source, log, logger, retryMs, checkMs } = options;
    this.#table = followTable<Value>({
      ...{ log, logger, topic: source.topic, reader: source.reader },
      ...(retryMs === undefined ? {} : { retryMs }),
      ...(checkMs === undefined ? {} : { checkMs }),
      listener: {
        onRow: (key, value) => this.#put(key, source.toRow(value)),
        onDelete: (key) => this.#live.remove(key),
        onReset: () => {
          this.#told.clear();
          this.#live.reset();
        },
        onUnreadable: (record) => this.#report(record),
      },
    });
    this.#sweeping = source.keeps === undefined ? null : setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /** Rejects with the reason if the topic cannot be read. */
  get loaded(): Promise<void> {
    return this.#table.loaded;
  }

  get size(): number {
    return this.#live.size;
  }

  get(key: string): Row | undefined {
    return this.#live.get(key);
  }

  rows(): IterableIterator<Row> {
    return this.#live.rows();
  }

  changes(): AsyncIterable<Change<Row>> {
    return this.#live.changes();
  }

  freshness(): Freshness {
    const { watermark, answeredAt, problem } = this.#table.picture();
    const now = Date.now();
    const silentMs = answeredAt === null ? 0 : now - answeredAt;
    const silence = silentMs > SILENT_MS ? `Kafka has not answered for ${Math.round(silentMs / 1_000)} s` : null;
    const why = this.#isClosed ? 'the table is closed' : (problem ?? silence);
    return {
      ageMs: watermark === null ? Infinity : Math.max(0, now - watermark),
      isReading: why === null,
      problem: why,
      skippedRecords: this.#skipped,
    };
  }

  /** Removes the rows that the table no longer keeps. */
  sweep(): void {
    const { keeps } = this.#options.source;
    if (keeps === undefined) return;
    for (const [key, row] of this.#live.entries()) if (!keeps(row)) this.#live.remove(key);
  }

  async stop(): Promise<void> {
    this.#isClosed = true;
    if (this.#sweeping !== null) clearInterval(this.#sweeping);
    this.#live.close();
    await this.#table.stop();
  }

  #put(key: string, row: Row): void {
    const { keeps } = this.#options.source;
    if (keeps === undefined || keeps(row)) this.#live.put(key, row);
    else this.#live.remove(key);
  }

  #report({ topic, partition, offset, reason }: UnreadableRecord): void {
    if (offset <= (this.#told.get(partition) ?? -1)) return;
    this.#told.set(partition, offset);
    this.#skipped += 1;
    const { logger, onProblem } = this.#options;
    logger.warn({ topic, partition, offset, reason }, 'the client cannot read a record and skips it');
    try {
      onProblem?.({ topic, partition, offset, reason });
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'onProblem threw');
    }
  }
}

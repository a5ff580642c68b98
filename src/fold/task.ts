import { setImmediate as turn } from 'node:timers/promises';
import { createDeadLetterLimit, type DeadLetterLimits, OperatorError, tooManyDeadLetters } from '../common';
import {
  type Applied,
  type ConversationEvent,
  type ConversationState,
  createPackedStates,
  createPartitionFold,
  type FoldOutcome,
  type FoldSettings,
  type OnDone,
  type PackedStates,
  type QueueConversation,
  type QueueVisit,
  stateOfRow,
  type StateRecord,
  withoutPersonalData,
} from '../conversation';
import {
  type ChangelogCodec,
  CHECKPOINT_KEY,
  checkSchemaMarks,
  continueTrace,
  createFoldSpans,
  digestOf,
  type FoldCheckpoint,
  type LogRecord,
  recordBytes,
  type RecordMark,
  schemaMarks,
  type SchemaSource,
  type Task,
  type TaskOutput,
  type TopicMark,
  type TopicNames,
  unreadable,
  type ValueCodec,
  writerOf,
} from '../log';
import { type Metrics, observeLatency, type Tracing } from '../ops';
import { createBudget } from './budget';
import { type Problem, readEvent } from './read-event';
import { countTally, newTally } from './tally';
import { deadLetterOutput, type Output, stateOutput, visitOutput, visitTombstones } from './task-records';
import { inTransactions, type Written } from './transactions';

export interface FoldTaskOptions {
  readonly schemas: SchemaSource;
  readonly topics: TopicNames;
  readonly events: ValueCodec<ConversationEvent>;
  readonly rows: ValueCodec<QueueConversation>;
  /** Null: the fold writes no visits. */
  readonly visits: ValueCodec<QueueVisit> | null;
  readonly changelog: ChangelogCodec;
  readonly settings: FoldSettings;
  readonly deadLetterLimits: DeadLetterLimits;
  /** @see readEvent. Default: no limit. */
  readonly mostAheadMs?: number;
  readonly metrics: Metrics;
  readonly tracing?: Tracing | undefined;
}

/** Takes about 10 ms. */
const RESTORED_AT_ONCE = 2_000;

/** For each partition, about 15 MB. An event of another conversation costs a few microseconds more. */
const MOST_DECODED = 2_000;

/** A timer closes a row this long after its deadline, because events may still be under way (section 4). */
const TIMER_GRACE_MS = 10_000;

/**
 * The fold of one partition of the events topic: reads and writes bytes; src/conversation does everything in between.
 */
export function createFoldTask(partition: number, options: FoldTaskOptions): Task {
  return new FoldTask(partition, options);
}

class FoldTask implements Task {
  readonly #partition: number;
  readonly #options: FoldTaskOptions;
  readonly #states: PackedStates;
  readonly #fold: ReturnType<typeof createPartitionFold>;
  readonly #limit: ReturnType<typeof createDeadLetterLimit>;
  readonly #spans: ReturnType<typeof createFoldSpans> | undefined;
  readonly #marks: ReturnType<typeof schemaMarks>;
  readonly #budget = createBudget();
  #greatestReceivedAt: number | null = null;
  #checkpoint: FoldCheckpoint | null = null;
  #topicMarks: readonly TopicMark[] = [];
  /** The mark of the last folded record. */
  #last: RecordMark | null = null;
  #tally = newTally();
  /** Numbers the outputs of a record, also if the work due before it takes several transactions. */
  #numbered = { offset: -1, next: 0 };
  /** While restoring: the changelog's last checkpoint, and one value of each writer schema. */
  #written: LogRecord | null = null;
  readonly #samples = new Map<number, Buffer>();

  constructor(partition: number, options: FoldTaskOptions) {
    const { topics, tracing, events, rows, changelog } = options;
    this.#partition = partition;
    this.#options = options;
    this.#states = createPackedStates(
      {
        encode: (state) => changelog.encode({ state, checkpoint: null }),
        decode: (id, bytes) => this.#decode(id, bytes),
      },
      MOST_DECODED,
    );
    this.#fold = createPartitionFold(options.settings, this.#states);
    this.#limit = createDeadLetterLimit(options.deadLetterLimits);
    this.#spans = tracing && createFoldSpans(tracing, { topic: topics.events, partition, group: topics.foldGroup });
    this.#marks = schemaMarks([events, rows, changelog]);
  }

  // -------------------------------------------------------------------------------------------------- the beginning

  prepare(records: readonly LogRecord[]): Promise<void> | null {
    return this.#options.events.prepare(valuesOf(records));
  }

  /** Keeps only the last record of each key, and decodes nothing before the changelog is read to its end. */
  restore(record: LogRecord): void {
    if (record.key === null) return;
    const key = record.key.toString();
    if (record.value !== null) this.#sample(record.value);
    if (key === CHECKPOINT_KEY) this.#written = detached(record);
    else if (record.value === null) this.#states.delete(key);
    else this.#states.load(key, record.value);
  }

  /** One value of each writer schema is enough to prepare the codec, and the changelog may hold a million values. */
  #sample(value: Buffer): void {
    const writer = writerOf(value);
    if (writer !== null && !this.#samples.has(writer)) this.#samples.set(writer, Buffer.from(value));
  }

  async restored(): Promise<FoldCheckpoint | null> {
    const { schemas, topics, changelog, metrics } = this.#options;
    const written = this.#written;
    this.#written = null;
    if (written !== null) await checkSchemaMarks(written.headers, schemas, topics.changelog);
    await changelog.prepare(this.#samples.values());
    this.#samples.clear();
    if (written !== null) this.#restoreCheckpoint(written);
    let restored = 0;
    for (const id of this.#states.ids()) {
      this.#restoreState(id);
      // Hundreds of thousands take seconds. Without a pause this process would send no heartbeats meanwhile.
      if (++restored % RESTORED_AT_ONCE === 0) await turn();
    }
    metrics.liveConversations.set({ partition: this.#partition }, this.#fold.live);
    return this.#checkpoint;
  }

  #restoreCheckpoint({ offset, value }: LogRecord): void {
    if (value === null) return;
    const decoded = this.#options.changelog.decode(value);
    if (!decoded.ok) throw this.#cannotRead(`@${offset}`, decoded.message);
    const { checkpoint } = decoded.value;
    if (checkpoint === null) throw this.#cannotRead(`@${offset}`, 'a conversation under the key of the checkpoint');
    this.#checkpoint = checkpoint;
    this.#greatestReceivedAt = checkpoint.receivedAt;
  }

  #restoreState(id: string): void {
    const bytes = this.#states.bytesOf(id);
    if (bytes === null) return;
    const head = this.#options.changelog.headOf(bytes);
    if (!head.ok) throw this.#cannotRead(`, key ${id}`, head.message);
    this.#budget.written(id, bytes);
    this.#fold.restoreKept(id, head.value);
  }

  #decode(id: string, bytes: Buffer): ConversationState {
    const decoded = this.#options.changelog.decode(bytes);
    if (!decoded.ok) throw this.#cannotRead(`, key ${id}`, decoded.message);
    if (decoded.value.state === null)
      throw this.#cannotRead(`, key ${id}`, 'a checkpoint under the key of a conversation');
    return decoded.value.state;
  }

  #cannotRead(where: string, why: string): OperatorError {
    return new OperatorError(
      `${this.#options.topics.changelog}[${this.#partition}]${where}: cannot read the fold's own state (${why}). Did a newer version of queuefold write it?`,
    );
  }

  begin({ topics, last }: Parameters<Task['begin']>[0]): void {
    this.#topicMarks = topics;
    this.#last = last;
  }

  *rewrite(lost: ReadonlySet<string>, nextOffset: number): Generator<TaskOutput> {
    yield* inTransactions(this.#everything(lost, nextOffset));
    yield this.#finish([], nextOffset);
  }

  /** All records that the given outputs should hold, and all that were reclaimed. */
  *#everything(lost: ReadonlySet<string>, nextOffset: number): Generator<Written> {
    for (const record of this.#changes()) yield { to: 'changelog', record };
    const { topics, visits } = this.#options;
    let index = 0;
    const nextId = (): string => `${this.#partition}-${nextOffset}-again-${index++}`;
    if (lost.has(topics.state)) {
      for (const each of this.#fold.rows()) {
        yield { to: 'output', record: stateOutput(this.#options, this.#tally, each, nextId(), null) };
      }
    }
    if (!lost.has(topics.visits) || visits === null) return;
    for (const each of this.#fold.visits()) {
      yield { to: 'output', record: visitOutput(topics.visits, visits, this.#tally, each, nextId(), null) };
    }
  }

  async reclaim(records: Iterable<LogRecord>): Promise<number> {
    const { rows } = this.#options;
    const kept = [...records];
    await rows.prepare(valuesOf(kept));
    let reclaimed = 0;
    for (const { key, value } of kept) {
      // A row that cannot be read belongs to no conversation; the bridge's *gone* removes it.
      const row = key === null || value === null ? null : rows.decode(value);
      if (row?.ok === true && this.#fold.reclaim(row.value.conversation_id, stateOfRow(row.value))) reclaimed++;
    }
    return reclaimed;
  }

  // ------------------------------------------------------------------------------------------------------- the events

  process(records: readonly LogRecord[], nextOffset: number, mostBytes = Infinity): TaskOutput {
    const outputs: Output[] = [];
    const isFull = this.#budget.begin(mostBytes);
    for (const [index, record] of records.entries()) {
      // Folds at least one record, unless the work due before it fills the transaction.
      if ((index > 0 && isFull()) || !this.#take(record, outputs, isFull)) {
        this.#remember(records[index - 1]);
        return { ...this.#finish(outputs, record.offset), taken: index };
      }
    }
    this.#remember(records.at(-1));
    return this.#finish(outputs, nextOffset);
  }

  /** False: the work due before the record does not all fit, so the record waits. */
  #take(record: LogRecord, outputs: Output[], isFull: () => boolean): boolean {
    const read = readEvent(record, this.#options.events, this.#options.mostAheadMs);
    if ('reason' in read) {
      outputs.push(this.#refuseUnreadable(record, read));
      this.#spans?.processed(record, 'dead-letter', read.reason);
      return true;
    }
    const trace = once(() => continueTrace(record.headers['traceparent'], this.#partition, record.offset));
    const nextId = this.#idsOf(record.offset);
    const onDone: OnDone = (id, due) => {
      this.#budget.change(id, 0);
      // If the deadline closed the row before this event, the event did not close it.
      for (const each of due) this.#emit(outputs, each, nextId(), id === read.conversationId ? trace() : null);
    };
    if (!this.#fold.advance(read.receivedAt, onDone, isFull)) return false;
    this.#limit.readable();
    this.#greatestReceivedAt = Math.max(this.#greatestReceivedAt ?? -Infinity, read.receivedAt);
    const applied = this.#fold.apply(read);
    this.#count(record, read, applied.outcome);
    for (const each of applied.records) this.#emit(outputs, each, nextId(), trace());
    if (applied.visits.length + applied.erasedVisits.length > 0)
      this.#emitVisits(outputs, record, read, applied, trace);
    if (applied.outcome === 'too-large') {
      const message = `conversation ${read.conversationId}: its state or its row would exceed the limits`;
      const body = withoutPersonalData({ id: read.conversationId });
      outputs.push(this.#deadLetter(record, { reason: 'too-large', message, body }));
    }
    return true;
  }

  #count(record: LogRecord, { conversationId, receivedAt: at }: ConversationEvent, outcome: FoldOutcome): void {
    const tally = this.#tally;
    tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + 1;
    tally.received.push({ at, traceparent: record.headers['traceparent'] });
    this.#spans?.processed(record, outcome);
    if (CHANGING.has(outcome)) this.#budget.change(conversationId, record.value?.length ?? 0);
  }

  #emit(outputs: Output[], record: StateRecord, id: string, traceparent: string | null): void {
    this.#push(outputs, stateOutput(this.#options, this.#tally, record, id, traceparent));
  }

  #emitVisits(
    outputs: Output[],
    { offset }: LogRecord,
    event: ConversationEvent,
    { visits, erasedVisits }: Pick<Applied, 'visits' | 'erasedVisits'>,
    trace: () => string | null,
  ): void {
    const { topics, visits: codec } = this.#options;
    if (codec === null || (visits.length === 0 && erasedVisits.length === 0)) return;
    const id = `${this.#partition}-${offset}`;
    const traceparent = trace();
    for (const [index, each] of visits.entries()) {
      this.#push(outputs, visitOutput(topics.visits, codec, this.#tally, each, `${id}-v${index}`, traceparent));
    }
    for (const each of visitTombstones(topics.visits, event, erasedVisits, id, traceparent)) this.#push(outputs, each);
  }

  #push(outputs: Output[], output: Output): void {
    this.#budget.spend(recordBytes(output));
    outputs.push(output);
  }

  #idsOf(offset: number): () => string {
    if (this.#numbered.offset !== offset) this.#numbered = { offset, next: 0 };
    return () => `${this.#partition}-${offset}-${this.#numbered.next++}`;
  }

  #refuseUnreadable(record: LogRecord, problem: Problem): Output {
    const stop = this.#limit.unreadable(record.offset);
    if (stop !== null) throw tooManyDeadLetters(record, stop, { ...problem, cannot: 'be read' });
    return this.#deadLetter(record, { ...problem, body: unreadable(record.value) });
  }

  #deadLetter(record: LogRecord, letter: Parameters<typeof deadLetterOutput>[3]): Output {
    return deadLetterOutput(this.#options.topics, this.#tally, record, letter);
  }

  refuse(record: LogRecord, nextOffset: number, answer: string): TaskOutput {
    const stop = this.#limit.unreadable(record.offset);
    const reason = answer.includes('TOO_LARGE') ? 'too-large' : 'refused-by-kafka';
    const message = `Kafka refuses what the fold makes of it (${answer})`;
    if (stop !== null) throw tooManyDeadLetters(record, stop, { reason, message, cannot: 'be written' });
    this.#spans?.processed(record, 'dead-letter', reason);
    this.#remember(record);
    return this.#finish([this.#deadLetter(record, { reason, message, body: unreadable(record.value) })], nextOffset);
  }

  // ---------------------------------------------------------------------------------------------------------- timers

  nextTimer(): number | null {
    const deadline = this.#fold.nextDeadline();
    return deadline === null ? null : deadline + TIMER_GRACE_MS;
  }

  onTimer(at: number, nextOffset: number, mostBytes = Infinity): TaskOutput {
    const outputs: Output[] = [];
    const onDone: OnDone = (id, records) => {
      this.#budget.change(id, 0);
      for (const each of records) {
        const eventId = `${this.#partition}-${nextOffset}-timer-${each.timestamp}-${outputs.length}`;
        this.#emit(outputs, each, eventId, null);
      }
    };
    this.#fold.closeOverdue(at - TIMER_GRACE_MS + 1, onDone, this.#budget.begin(mostBytes));
    return this.#finish(outputs, nextOffset);
  }

  // ------------------------------------------------------------------------------------------------ the transaction

  #finish(outputs: readonly Output[], nextOffset: number): TaskOutput {
    return { outputs, changelog: [...this.#changes(), this.#checkpointRecord(nextOffset)] };
  }

  *#changes(): Generator<TaskOutput['changelog'][number]> {
    for (const [key, state] of this.#fold.takeChanges()) {
      const value = state === null ? null : this.#states.pack(key);
      this.#budget.written(key, value);
      yield { key, value };
    }
  }

  #remember(record: LogRecord | undefined): void {
    if (record !== undefined) this.#last = { offset: record.offset, digest: digestOf(record) };
  }

  #checkpointRecord(nextOffset: number): TaskOutput['changelog'][number] {
    const checkpoint: FoldCheckpoint = {
      nextOffset,
      receivedAt: this.#greatestReceivedAt,
      topics: this.#topicMarks,
      last: this.#last,
    };
    const value = this.#options.changelog.encode({ state: null, checkpoint });
    return { key: CHECKPOINT_KEY, value, headers: this.#marks };
  }

  committed(): void {
    const { metrics } = this.#options;
    countTally(this.#tally, metrics);
    observeLatency(metrics, 'state', this.#tally.received);
    metrics.liveConversations.set({ partition: this.#partition }, this.#fold.live);
    this.#tally = newTally();
    this.#spans?.committed();
  }

  close(): void {
    this.#options.metrics.liveConversations.remove({ partition: this.#partition });
  }
}

/** The outcomes with which a conversation's state may have changed. */
const CHANGING: ReadonlySet<FoldOutcome> = new Set<FoldOutcome>(['folded', 'after-the-end']);

/** A record keeps everything in memory that was fetched with it, which is megabytes in a restore. */
function detached({ topic, partition, offset, timestamp, key, value, headers }: LogRecord): LogRecord {
  const [ownKey, ownValue] = [key && Buffer.from(key), value && Buffer.from(value)];
  return { topic, partition, offset, timestamp, key: ownKey, value: ownValue, headers: { ...headers } };
}

/** Computes the value on the first call. */
function once<T>(compute: () => T): () => T {
  let known: { readonly value: T } | null = null;
  return () => (known ??= { value: compute() }).value;
}

function* valuesOf(records: Iterable<LogRecord>): Generator<Buffer | null> {
  for (const record of records) yield record.value;
}

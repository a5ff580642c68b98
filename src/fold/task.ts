import { createDeadLetterLimit, type DeadLetterLimits, tooManyDeadLetters } from '../common';
import {
  type Applied,
  type ConversationEvent,
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
  continueTrace,
  createFoldSpans,
  digestOf,
  type FoldCheckpoint,
  headerOf,
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
} from '../log';
import { type Metrics, observeLatency, type Tracing } from '../ops';
import { createBudget } from './budget';
import { OwnChangelog } from './own-changelog';
import { type Problem, readEvent } from './read-event';
import { Restore } from './restore';
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
  readonly #changelog: OwnChangelog;
  readonly #states: PackedStates;
  readonly #fold: ReturnType<typeof createPartitionFold>;
  readonly #limit: ReturnType<typeof createDeadLetterLimit>;
  readonly #spans: ReturnType<typeof createFoldSpans> | undefined;
  readonly #marks: ReturnType<typeof schemaMarks>;
  readonly #budget = createBudget();
  readonly #restore: Restore;
  #greatestReceivedAt: number | null = null;
  #topicMarks: readonly TopicMark[] = [];
  /** The mark of the last folded record. */
  #last: RecordMark | null = null;
  #tally = newTally();
  /** Numbers the outputs of a record, also if the work due before it takes several transactions. */
  #numbered = { offset: -1, next: 0 };

  constructor(partition: number, options: FoldTaskOptions) {
    const { topics, tracing, events, rows, changelog } = options;
    this.#partition = partition;
    this.#options = options;
    const own = new OwnChangelog(topics.changelog, partition, changelog);
    this.#changelog = own;
    this.#states = createPackedStates(
      { encode: (state) => own.encode(state), decode: (id, bytes) => own.decode(id, bytes) },
      MOST_DECODED,
    );
    this.#fold = createPartitionFold(options.settings, this.#states);
    this.#limit = createDeadLetterLimit(options.deadLetterLimits);
    this.#spans = tracing && createFoldSpans(tracing, { topic: topics.events, partition, group: topics.foldGroup });
    this.#marks = schemaMarks([events, rows, changelog]);
    this.#restore = new Restore({
      schemas: options.schemas,
      topic: topics.changelog,
      changelog: own,
      states: this.#states,
      onState: (id, bytes, head) => {
        this.#budget.written(id, bytes);
        this.#fold.restoreKept(id, head);
      },
    });
  }

  // -------------------------------------------------------------------------------------------------- the beginning

  prepare(records: readonly LogRecord[]): Promise<void> | null {
    return this.#options.events.prepare(valuesOf(records));
  }

  restore(record: LogRecord): void {
    this.#restore.take(record);
  }

  async restored(): Promise<FoldCheckpoint | null> {
    const checkpoint = await this.#restore.end();
    if (checkpoint !== null) this.#greatestReceivedAt = checkpoint.receivedAt;
    this.#options.metrics.liveConversations.set({ partition: this.#partition }, this.#fold.live);
    return checkpoint;
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
    const trace = once(() => continueTrace(headerOf(record, 'traceparent'), this.#partition, record.offset));
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
    tally.received.push({ at, traceparent: headerOf(record, 'traceparent') });
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
    return { key: CHECKPOINT_KEY, value: this.#changelog.encodeCheckpoint(checkpoint), headers: this.#marks };
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

/** Computes the value on the first call. */
function once<T>(compute: () => T): () => T {
  let known: { readonly value: T } | null = null;
  return () => (known ??= { value: compute() }).value;
}

function* valuesOf(records: Iterable<LogRecord>): Generator<Buffer | null> {
  for (const record of records) yield record.value;
}

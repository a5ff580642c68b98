import { createDeadLetterLimit, type DeadLetterLimits, tooManyDeadLetters } from '../common';
import {
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
  withoutPersonalData,
} from '../conversation';
import {
  type ChangelogCodec,
  continueTrace,
  createFoldSpans,
  type FoldCheckpoint,
  headerOf,
  type LogRecord,
  recordBytes,
  schemaMarks,
  type SchemaSource,
  type Task,
  type TaskOutput,
  type TopicNames,
  unreadable,
  type ValueCodec,
} from '../log';
import type { Metrics, Tracing } from '../ops';
import { createBudget } from './budget';
import { NextCheckpoint } from './next-checkpoint';
import { OwnChangelog } from './own-changelog';
import { type Problem, readEvent } from './read-event';
import { Restore } from './restore';
import { type Output, TaskRecords } from './task-records';
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
  readonly #records: TaskRecords;
  readonly #checkpoint: NextCheckpoint;
  readonly #states: PackedStates;
  readonly #fold: ReturnType<typeof createPartitionFold>;
  readonly #limit: ReturnType<typeof createDeadLetterLimit>;
  readonly #spans: ReturnType<typeof createFoldSpans> | undefined;
  readonly #budget = createBudget();
  readonly #restore: Restore;

  constructor(partition: number, options: FoldTaskOptions) {
    const { topics, tracing, events, rows, changelog } = options;
    this.#partition = partition;
    this.#options = options;
    const own = new OwnChangelog(topics.changelog, partition, changelog);
    this.#records = new TaskRecords({ partition, topics, rows, visits: options.visits });
    this.#checkpoint = new NextCheckpoint(own, schemaMarks([events, rows, changelog]));
    this.#states = createPackedStates(
      { encode: (state) => own.encode(state), decode: (id, bytes) => own.decode(id, bytes) },
      MOST_DECODED,
    );
    this.#fold = createPartitionFold(options.settings, this.#states);
    this.#limit = createDeadLetterLimit(options.deadLetterLimits);
    this.#spans = tracing && createFoldSpans(tracing, { topic: topics.events, partition, group: topics.foldGroup });
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
    if (checkpoint !== null) this.#checkpoint.restored(checkpoint);
    this.#options.metrics.liveConversations.set({ partition: this.#partition }, this.#fold.live);
    return checkpoint;
  }

  begin(marks: Parameters<Task['begin']>[0]): void {
    this.#checkpoint.begin(marks);
  }

  *rewrite(lost: ReadonlySet<string>, nextOffset: number): Generator<TaskOutput> {
    yield* inTransactions(this.#everything(lost, nextOffset));
    yield this.#finish([], nextOffset);
  }

  /** All records that the given outputs should hold, and all that were reclaimed. */
  *#everything(lost: ReadonlySet<string>, nextOffset: number): Generator<Written> {
    for (const record of this.#changes()) yield { to: 'changelog', record };
    const { topics } = this.#options;
    let index = 0;
    const nextId = (): string => `${this.#partition}-${nextOffset}-again-${index++}`;
    if (lost.has(topics.state)) {
      for (const each of this.#fold.rows()) {
        yield { to: 'output', record: this.#records.state(each, nextId(), null) };
      }
    }
    if (!lost.has(topics.visits)) return;
    for (const each of this.#fold.visits()) {
      const record = this.#records.visit(each, nextId());
      if (record !== null) yield { to: 'output', record };
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
    let taken = 0;
    for (const record of records) {
      // Folds at least one record, unless the work due before it fills the transaction.
      if ((taken > 0 && isFull()) || !this.#take(record, outputs, isFull)) break;
      taken += 1;
    }
    const last = records[taken - 1];
    if (last !== undefined) this.#checkpoint.folded(last);
    const next = records[taken];
    return next === undefined ? this.#finish(outputs, nextOffset) : { ...this.#finish(outputs, next.offset), taken };
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
    const onDone: OnDone = (id, due) => {
      this.#budget.change(id, 0);
      for (const each of due) {
        // If the deadline closed the row before this event, the event did not close it.
        const traceparent = id === read.conversationId ? trace() : null;
        this.#push(outputs, this.#records.state(each, this.#records.nextId(record.offset), traceparent));
      }
    };
    if (!this.#fold.advance(read.receivedAt, onDone, isFull)) return false;
    this.#limit.readable();
    this.#checkpoint.received(read.receivedAt);
    const applied = this.#fold.apply(read);
    this.#count(record, read, applied.outcome);
    for (const each of applied.records) {
      this.#push(outputs, this.#records.state(each, this.#records.nextId(record.offset), trace()));
    }
    for (const each of this.#records.visitsOf(applied, read, record.offset, trace)) this.#push(outputs, each);
    if (applied.outcome === 'too-large') {
      const message = `conversation ${read.conversationId}: its state or its row would exceed the limits`;
      const body = withoutPersonalData({ id: read.conversationId });
      outputs.push(this.#records.deadLetter(record, { reason: 'too-large', message, body }));
    }
    return true;
  }

  #count(record: LogRecord, event: ConversationEvent, outcome: FoldOutcome): void {
    this.#records.count(record, event, outcome);
    this.#spans?.processed(record, outcome);
    if (CHANGING.has(outcome)) this.#budget.change(event.conversationId, record.value?.length ?? 0);
  }

  #push(outputs: Output[], output: Output): void {
    this.#budget.spend(recordBytes(output));
    outputs.push(output);
  }

  #refuseUnreadable(record: LogRecord, problem: Problem): Output {
    const stop = this.#limit.unreadable(record.offset);
    if (stop !== null) throw tooManyDeadLetters(record, stop, { ...problem, cannot: 'be read' });
    return this.#records.deadLetter(record, { ...problem, body: unreadable(record.value) });
  }

  refuse(record: LogRecord, nextOffset: number, answer: string): TaskOutput {
    const stop = this.#limit.unreadable(record.offset);
    const reason = answer.includes('TOO_LARGE') ? 'too-large' : 'refused-by-kafka';
    const message = `Kafka refuses what the fold makes of it (${answer})`;
    if (stop !== null) throw tooManyDeadLetters(record, stop, { reason, message, cannot: 'be written' });
    this.#spans?.processed(record, 'dead-letter', reason);
    this.#checkpoint.folded(record);
    const letter = this.#records.deadLetter(record, { reason, message, body: unreadable(record.value) });
    return this.#finish([letter], nextOffset);
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
        this.#push(outputs, this.#records.state(each, eventId, null));
      }
    };
    this.#fold.closeOverdue(at - TIMER_GRACE_MS + 1, onDone, this.#budget.begin(mostBytes));
    return this.#finish(outputs, nextOffset);
  }

  // ------------------------------------------------------------------------------------------------ the transaction

  #finish(outputs: readonly Output[], nextOffset: number): TaskOutput {
    return { outputs, changelog: [...this.#changes(), this.#checkpoint.record(nextOffset)] };
  }

  *#changes(): Generator<TaskOutput['changelog'][number]> {
    for (const [key, state] of this.#fold.takeChanges()) {
      const value = state === null ? null : this.#states.pack(key);
      this.#budget.written(key, value);
      yield { key, value };
    }
  }

  committed(): void {
    const { metrics } = this.#options;
    this.#records.committed(metrics);
    metrics.liveConversations.set({ partition: this.#partition }, this.#fold.live);
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

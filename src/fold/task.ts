import { createDeadLetterLimit, type DeadLetterLimits, OperatorError, tooManyDeadLetters } from '../common';
import {
  type ConversationEvent,
  createPartitionFold,
  type FoldOutcome,
  type FoldSettings,
  hasRealTimes,
  type ListedColumn,
  type QueueConversation,
  type OnDone,
  type QueueVisit,
  stateOfRow,
  type StateRecord,
  type VisitOutcome,
  type VisitRecord,
  unlistedColumns,
  withoutPersonalData,
} from '../conversation';
import {
  type ChangelogValue,
  CHECKPOINT_KEY,
  checkSchemaMarks,
  type CloudEvent,
  cloudEventHeaders,
  continueTrace,
  createFoldSpans,
  deadLetterRecord,
  digestOf,
  ERASED_TYPE,
  ERASED_VISIT_TYPE,
  type FoldCheckpoint,
  type LogRecord,
  type OutRecord,
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
  visitKey,
} from '../log';
import { type FoldDeadLetterReason, type Metrics, observeLatency, type Received, type Tracing } from '../ops';
import { createBudget } from './budget';
import { inTransactions, type Written } from './transactions';

export interface FoldTaskOptions {
  readonly schemas: SchemaSource;
  readonly topics: TopicNames;
  readonly events: ValueCodec<ConversationEvent>;
  readonly rows: ValueCodec<QueueConversation>;
  /** Null: none are written. */
  readonly visits: ValueCodec<QueueVisit> | null;
  readonly changelog: ValueCodec<ChangelogValue>;
  readonly settings: FoldSettings;
  readonly deadLetterLimits: DeadLetterLimits;
  readonly metrics: Metrics;
  readonly tracing?: Tracing | undefined;
}

/** A row waits so long after its deadline for events that are under way, before a timer closes it (section 4). */
const TIMER_GRACE_MS = 10_000;

/** The fold of one partition of the events topic: bytes in, bytes out, everything in between is src/conversation. */
export function createFoldTask(partition: number, options: FoldTaskOptions): Task {
  const { topics, events, rows, visits, changelog, metrics, tracing } = options;
  const fold = createPartitionFold(options.settings);
  const limit = createDeadLetterLimit(options.deadLetterLimits);
  const spans = tracing && createFoldSpans(tracing, { topic: topics.events, partition, group: topics.foldGroup });
  const marks = schemaMarks([events, rows, changelog]);
  let greatestReceivedAt: number | null = null;
  let checkpoint: FoldCheckpoint | null = null;
  let topicMarks: readonly TopicMark[] = [];
  let last: RecordMark | null = null;
  let tally = newTally();

  const stateRecord = (record: StateRecord, id: string, traceparent: string | null): Omit<OutRecord, 'partition'> => {
    tally.records[record.row === null ? 'tombstone' : 'upsert']++;
    if (record.row !== null) for (const column of unlistedColumns(record.row)) tally.unlisted.push(column);
    return {
      topic: topics.state,
      key: record.conversationId,
      value: record.row === null ? null : rows.encode(record.row),
      timestamp: record.timestamp,
      headers: cloudEventHeaders({
        id,
        source: 'queuefold/fold',
        type: typeOf(record),
        time: record.timestamp,
        traceparent,
      }),
    };
  };

  const visitRecords = (
    codec: ValueCodec<QueueVisit>,
    records: readonly VisitRecord[],
    id: string,
    traceparent: string | null,
  ): readonly Omit<OutRecord, 'partition'>[] =>
    records.map(({ visit, timestamp }, index) => {
      tally.visits.push(visit.outcome);
      const headers = cloudEventHeaders({
        id: `${id}-v${index}`,
        source: 'queuefold/fold',
        type: 'queuefold.queue-visit',
        time: timestamp,
        traceparent,
      });
      return { topic: topics.visits, key: visitKey(visit), value: codec.encode(visit), timestamp, headers };
    });

  const visitTombstones = (
    { conversationId, receivedAt: timestamp }: ConversationEvent,
    participants: readonly string[],
    id: string,
    traceparent: string | null,
  ): readonly Omit<OutRecord, 'partition'>[] =>
    participants.map((participant, index) => {
      const key = visitKey({ conversation_id: conversationId, participant_id: participant });
      const headers = cloudEventHeaders({
        id: `${id}-v${index}`,
        source: 'queuefold/fold',
        type: ERASED_VISIT_TYPE,
        time: timestamp,
        traceparent,
      });
      return { topic: topics.visits, key, value: null, timestamp, headers };
    });

  const budget = createBudget();
  /** Numbers the outputs of a record, also where what is due before it takes several transactions. */
  let numbered = { offset: -1, next: 0 };
  const idsOf = (offset: number) => {
    if (numbered.offset !== offset) numbered = { offset, next: 0 };
    return (): string => `${partition}-${offset}-${numbered.next++}`;
  };

  function* changes(): Generator<TaskOutput['changelog'][number]> {
    for (const [key, state] of fold.takeChanges()) {
      const value = state === null ? null : changelog.encode({ state, checkpoint: null });
      budget.written(key, value);
      yield { key, value };
    }
  }

  /** The last one that was folded. */
  const remember = (record: LogRecord | undefined): void => {
    if (record !== undefined) last = { offset: record.offset, digest: digestOf(record) };
  };

  const checkpointRecord = (nextOffset: number): TaskOutput['changelog'][number] => {
    const value: FoldCheckpoint = { nextOffset, receivedAt: greatestReceivedAt, topics: topicMarks, last };
    return { key: CHECKPOINT_KEY, value: changelog.encode({ state: null, checkpoint: value }), headers: marks };
  };

  const finish = (outputs: readonly Omit<OutRecord, 'partition'>[], nextOffset: number): TaskOutput => {
    return { outputs, changelog: [...changes(), checkpointRecord(nextOffset)] };
  };

  /** All that the given outputs should hold, and what was reclaimed. */
  function* everything(lost: ReadonlySet<string>, nextOffset: number): Generator<Written> {
    for (const record of changes()) yield { to: 'changelog', record };
    if (!lost.has(topics.state)) return;
    let index = 0;
    for (const each of fold.rows()) {
      const record = stateRecord(each, `${partition}-${nextOffset}-again-${index++}`, null);
      yield { to: 'output', record };
    }
  }

  const deadLetter = (
    record: LogRecord,
    reason: FoldDeadLetterReason,
    message: string,
    body: unknown,
  ): Omit<OutRecord, 'partition'> => {
    tally.deadLetters.push(reason);
    const { topic, offset, key } = record;
    const origin = { topic, partition, offset };
    return deadLetterRecord(topics.deadLetters, { stage: 'fold', reason, message, key, origin, body });
  };

  const refuseUnreadable = (record: LogRecord, problem: Problem): Omit<OutRecord, 'partition'> => {
    const stop = limit.unreadable(record.offset);
    if (stop !== null) throw tooManyDeadLetters(record, stop, { ...problem, cannot: 'be read' });
    return deadLetter(record, problem.reason, problem.message, unreadable(record.value));
  };

  /** The changelog's last word on each key: only that is decoded. */
  const latest = new Map<string, LogRecord>();
  const restoreValue = (key: string, { topic, offset, value }: LogRecord): void => {
    if (value === null) return;
    const decoded = changelog.decode(value);
    if (!decoded.ok) {
      throw new OperatorError(
        `${topic}[${partition}]@${offset}: cannot read the fold's own state (${decoded.message}). Was it written by a newer version of queuefold?`,
      );
    }
    const { state, checkpoint: restored } = decoded.value;
    if (restored === null) {
      budget.written(key, value);
      fold.restore(key, state);
      return;
    }
    checkpoint = restored;
    greatestReceivedAt = restored.receivedAt;
  };

  return {
    prepare: (records) => events.prepare(valuesOf(records)),
    restore: (record) => {
      if (record.key !== null) latest.set(record.key.toString(), record);
    },
    restored: async () => {
      const written = latest.get(CHECKPOINT_KEY)?.headers;
      if (written !== undefined) await checkSchemaMarks(written, options.schemas, topics.changelog);
      await changelog.prepare(valuesOf(latest.values()));
      for (const [key, record] of latest) restoreValue(key, record);
      latest.clear();
      metrics.liveConversations.set({ partition }, fold.live);
      return checkpoint;
    },
    begin: (begun) => {
      topicMarks = begun.topics;
      last = begun.last;
    },
    *rewrite(lost, nextOffset) {
      yield* inTransactions(everything(lost, nextOffset));
      yield finish([], nextOffset);
    },
    reclaim: async (records) => {
      const kept = [...records];
      await rows.prepare(valuesOf(kept));
      let reclaimed = 0;
      for (const { key, value } of kept) {
        // A row that cannot be read is nobody's: the bridge's *gone* removes it.
        const row = key === null || value === null ? null : rows.decode(value);
        if (row?.ok === true && fold.reclaim(row.value.conversation_id, stateOfRow(row.value))) reclaimed++;
      }
      return reclaimed;
    },
    process: (records, nextOffset, mostBytes = Infinity) => {
      const outputs: Omit<OutRecord, 'partition'>[] = [];
      const isFull = budget.begin(mostBytes);
      const push = (output: Omit<OutRecord, 'partition'>): void => {
        budget.spend(recordBytes(output));
        outputs.push(output);
      };
      const emit = (record: StateRecord, id: string, trace: string | null): void =>
        push(stateRecord(record, id, trace));
      /** False: not all that is due before the record fits, so it waits. */
      const take = (record: LogRecord): boolean => {
        const read = readEvent(record, events);
        if ('reason' in read) {
          outputs.push(refuseUnreadable(record, read));
          spans?.processed(record, 'dead-letter', read.reason);
          return true;
        }
        const trace = once(() => continueTrace(record.headers['traceparent'], partition, record.offset));
        const ids = idsOf(record.offset);
        const onDone: OnDone = (id, due) => {
          budget.change(id, 0);
          // A row that its deadline closed before this event was looked at is none of the event's doing.
          for (const each of due) emit(each, ids(), id === read.conversationId ? trace() : null);
        };
        if (!fold.advance(read.receivedAt, onDone, isFull)) return false;
        limit.readable();
        greatestReceivedAt = Math.max(greatestReceivedAt ?? -Infinity, read.receivedAt);
        const applied = fold.apply(read);
        tally.outcomes[applied.outcome] = (tally.outcomes[applied.outcome] ?? 0) + 1;
        tally.received.push({ at: read.receivedAt, traceparent: record.headers['traceparent'] });
        spans?.processed(record, applied.outcome);
        if (CHANGING.has(applied.outcome)) budget.change(read.conversationId, record.value?.length ?? 0);
        for (const each of applied.records) emit(each, ids(), trace());
        if (visits !== null && applied.visits.length + applied.erasedVisits.length > 0) {
          const id = `${partition}-${record.offset}`;
          for (const output of visitRecords(visits, applied.visits, id, trace())) push(output);
          for (const output of visitTombstones(read, applied.erasedVisits, id, trace())) push(output);
        }
        if (applied.outcome === 'too-large') {
          const message = `conversation ${read.conversationId}: what is known of it, or its row, would exceed the limits`;
          outputs.push(deadLetter(record, 'too-large', message, withoutPersonalData({ id: read.conversationId })));
        }
        return true;
      };

      for (const [index, record] of records.entries()) {
        // At least one of them, unless what is due before it is enough.
        if ((index > 0 && isFull()) || !take(record)) {
          remember(records[index - 1]);
          return { ...finish(outputs, record.offset), taken: index };
        }
      }
      remember(records.at(-1));
      return finish(outputs, nextOffset);
    },
    refuse: (record, nextOffset, answer) => {
      const stop = limit.unreadable(record.offset);
      const reason = answer.includes('TOO_LARGE') ? 'too-large' : 'refused-by-kafka';
      const message = `Kafka refuses what comes of it (${answer})`;
      if (stop !== null) throw tooManyDeadLetters(record, stop, { reason, message, cannot: 'be written' });
      spans?.processed(record, 'dead-letter', reason);
      remember(record);
      return finish([deadLetter(record, reason, message, unreadable(record.value))], nextOffset);
    },
    nextTimer: () => {
      const deadline = fold.nextDeadline();
      return deadline === null ? null : deadline + TIMER_GRACE_MS;
    },
    onTimer: (at, nextOffset, mostBytes = Infinity) => {
      const outputs: Omit<OutRecord, 'partition'>[] = [];
      const onDone: OnDone = (id, records) => {
        budget.change(id, 0);
        for (const each of records) {
          const output = stateRecord(
            each,
            `${partition}-${nextOffset}-timer-${each.timestamp}-${outputs.length}`,
            null,
          );
          budget.spend(recordBytes(output));
          outputs.push(output);
        }
      };
      fold.closeOverdue(at - TIMER_GRACE_MS + 1, onDone, budget.begin(mostBytes));
      return finish(outputs, nextOffset);
    },
    committed: () => {
      countTally(tally, metrics);
      observeLatency(metrics, 'state', tally.received);
      metrics.liveConversations.set({ partition }, fold.live);
      tally = newTally();
      spans?.committed();
    },
    close: () => {
      metrics.liveConversations.remove({ partition });
    },
  };
}

function typeOf({ row, erased }: StateRecord): CloudEvent['type'] {
  if (row !== null) return 'queuefold.queue-conversation.row';
  return erased === true ? ERASED_TYPE : 'queuefold.queue-conversation.tombstone';
}

/** The outcomes with which a conversation's state may have changed. */
const CHANGING: ReadonlySet<FoldOutcome> = new Set<FoldOutcome>(['folded', 'after-the-end']);

interface Problem {
  readonly reason: FoldDeadLetterReason;
  readonly message: string;
}

function readEvent(record: LogRecord, events: ValueCodec<ConversationEvent>): ConversationEvent | Problem {
  if (record.value === null) return { reason: 'no-value', message: 'a record of the events topic without a value' };
  const decoded = events.decode(record.value);
  if (!decoded.ok) return decoded;
  const id = decoded.value.conversationId;
  // An empty key is the checkpoint's in the changelog, and no conversation's.
  if (record.key === null || record.key.length === 0) {
    return { reason: 'no-key', message: 'a record of the events topic without a key' };
  }
  if (record.key.length !== Buffer.byteLength(id) || record.key.toString() !== id) {
    return { reason: 'wrong-key', message: 'the key is not the conversation id' };
  }
  if (!hasRealTimes(decoded.value)) return { reason: 'wrong-time', message: 'a time outside of 1900 to 2299' };
  return decoded.value;
}

/** Computes it when it is first asked for. */
function once<T>(compute: () => T): () => T {
  let known: { readonly value: T } | null = null;
  return () => (known ??= { value: compute() }).value;
}

function* valuesOf(records: Iterable<LogRecord>): Generator<Buffer | null> {
  for (const record of records) yield record.value;
}

/** What one transaction did, counted when it is committed. */
interface Tally {
  readonly outcomes: Partial<Record<FoldOutcome, number>>;
  readonly records: { upsert: number; tombstone: number };
  readonly visits: VisitOutcome[];
  readonly unlisted: ListedColumn[];
  readonly deadLetters: FoldDeadLetterReason[];
  readonly received: Received[];
}

function newTally(): Tally {
  return {
    outcomes: {},
    records: { upsert: 0, tombstone: 0 },
    visits: [],
    unlisted: [],
    deadLetters: [],
    received: [],
  };
}

function countTally(tally: Tally, metrics: Metrics): void {
  for (const [outcome, count] of Object.entries(tally.outcomes) as [FoldOutcome, number][])
    metrics.foldEvents.inc({ outcome }, count);
  for (const kind of ['upsert', 'tombstone'] as const) {
    if (tally.records[kind] > 0) metrics.foldRecords.inc({ kind }, tally.records[kind]);
  }
  for (const outcome of tally.visits) metrics.foldVisits.inc({ outcome });
  for (const column of tally.unlisted) metrics.unlistedValues.inc({ column });
  for (const reason of tally.deadLetters) {
    metrics.foldEvents.inc({ outcome: 'dead-letter' });
    metrics.deadLetters.inc({ stage: 'fold', reason });
  }
}

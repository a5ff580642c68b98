import { createDeadLetterLimit, type DeadLetterLimits, OperatorError, tooManyDeadLetters } from '../common';
import {
  type ConversationEvent,
  createPartitionFold,
  type FoldOutcome,
  type FoldSettings,
  type ListedColumn,
  type QueueConversation,
  type QueueVisit,
  type StateRecord,
  type VisitOutcome,
  type VisitRecord,
  unlistedColumns,
  withoutPersonalData,
} from '../conversation';
import {
  type ChangelogValue,
  CHECKPOINT_KEY,
  type CloudEvent,
  cloudEventHeaders,
  continueTrace,
  createFoldSpans,
  deadLetterRecord,
  ERASED_TYPE,
  type LogRecord,
  type OutRecord,
  type Task,
  type TaskOutput,
  type TopicNames,
  unreadable,
  type ValueCodec,
  visitKey,
} from '../log';
import { type FoldDeadLetterReason, type Metrics, observeLatency, type Received, type Tracing } from '../ops';

export interface FoldTaskOptions {
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
  let greatestReceivedAt: number | null = null;
  let checkpoint: number | null = null;
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

  const finish = (outputs: readonly Omit<OutRecord, 'partition'>[], nextOffset: number): TaskOutput => {
    const changed = [...fold.takeChanges()].map(([key, state]) => ({
      key,
      value: state === null ? null : changelog.encode({ state, checkpoint: null }),
    }));
    const value = { state: null, checkpoint: { nextOffset, receivedAt: greatestReceivedAt } };
    return { outputs, changelog: [...changed, { key: CHECKPOINT_KEY, value: changelog.encode(value) }] };
  };

  const refuse = (
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
    return refuse(record, problem.reason, problem.message, unreadable(record.value));
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
      fold.restore(key, state);
      return;
    }
    checkpoint = restored.nextOffset;
    greatestReceivedAt = restored.receivedAt;
  };

  return {
    prepare: (records) => events.prepare(valuesOf(records)),
    restore: (record) => {
      if (record.key !== null) latest.set(record.key.toString(), record);
    },
    restored: async () => {
      await changelog.prepare(valuesOf(latest.values()));
      for (const [key, record] of latest) restoreValue(key, record);
      latest.clear();
      metrics.liveConversations.set({ partition }, fold.live);
      return checkpoint;
    },
    process: (records, nextOffset) => {
      const outputs: Omit<OutRecord, 'partition'>[] = [];
      for (const record of records) {
        const read = readEvent(record, events);
        if ('reason' in read) {
          outputs.push(refuseUnreadable(record, read));
          spans?.processed(record, 'dead-letter', read.reason);
          continue;
        }
        limit.readable();
        greatestReceivedAt = Math.max(greatestReceivedAt ?? -Infinity, read.receivedAt);
        const applied = fold.apply(read);
        tally.outcomes[applied.outcome] = (tally.outcomes[applied.outcome] ?? 0) + 1;
        tally.received.push({ at: read.receivedAt, traceparent: record.headers['traceparent'] });
        spans?.processed(record, applied.outcome);
        if (applied.records.length > 0 || applied.visits.length > 0) {
          const trace = continueTrace(record.headers['traceparent'], partition, record.offset);
          for (const [index, each] of applied.records.entries()) {
            // A row that its deadline closed before this event was looked at is none of the event's doing.
            const isOwn = each.conversationId === read.conversationId;
            outputs.push(stateRecord(each, `${partition}-${record.offset}-${index}`, isOwn ? trace : null));
          }
          if (visits !== null) {
            outputs.push(...visitRecords(visits, applied.visits, `${partition}-${record.offset}`, trace));
          }
        }
        if (applied.outcome === 'too-large') {
          const message = `conversation ${read.conversationId}: its knowledge would exceed the limits`;
          outputs.push(refuse(record, 'too-large', message, withoutPersonalData({ id: read.conversationId })));
        }
      }
      return finish(outputs, nextOffset);
    },
    nextTimer: () => {
      const deadline = fold.nextDeadline();
      return deadline === null ? null : deadline + TIMER_GRACE_MS;
    },
    onTimer: (at, nextOffset) => {
      const records = fold.closeOverdue(at - TIMER_GRACE_MS + 1);
      const outputs = records.map((each, index) =>
        stateRecord(each, `${partition}-${nextOffset}-timer-${each.timestamp}-${index}`, null),
      );
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

interface Problem {
  readonly reason: FoldDeadLetterReason;
  readonly message: string;
}

function readEvent(record: LogRecord, events: ValueCodec<ConversationEvent>): ConversationEvent | Problem {
  if (record.value === null) return { reason: 'no-value', message: 'a record of the events topic without a value' };
  const decoded = events.decode(record.value);
  if (!decoded.ok) return decoded;
  const id = decoded.value.conversationId;
  if (record.key === null) return { reason: 'no-key', message: 'a record of the events topic without a key' };
  if (record.key.length !== Buffer.byteLength(id) || record.key.toString() !== id) {
    return { reason: 'wrong-key', message: 'the key is not the conversation id' };
  }
  return decoded.value;
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

import {
  type Applied,
  type ConversationEvent,
  type FoldOutcome,
  type QueueConversation,
  type QueueVisit,
  type StateRecord,
  unlistedColumns,
  type VisitRecord,
} from '../conversation';
import {
  type CloudEvent,
  cloudEventHeaders,
  deadLetterRecord,
  ERASED_TYPE,
  ERASED_VISIT_TYPE,
  headerOf,
  type Headers,
  type LogRecord,
  type OutRecord,
  type TopicNames,
  type ValueCodec,
  visitKey,
} from '../log';
import { type FoldDeadLetterReason, type Metrics, observeLatency } from '../ops';
import { countTally, newTally } from './tally';

export type Output = Omit<OutRecord, 'partition'>;

export interface TaskRecordsOptions {
  readonly partition: number;
  readonly topics: TopicNames;
  readonly rows: ValueCodec<QueueConversation>;
  /** Null: the fold writes no visits. */
  readonly visits: ValueCodec<QueueVisit> | null;
}

/** Makes the records that the task of one partition writes. Counts them, and their events, once they are committed. */
export class TaskRecords {
  readonly #options: TaskRecordsOptions;
  #tally = newTally();
  /** Numbers the records of an event, also if the work due before it takes several transactions. */
  #numbered = { offset: -1, next: 0 };

  constructor(options: TaskRecordsOptions) {
    this.#options = options;
  }

  /** For the CloudEvent of the next record that the event at this offset causes. */
  nextId(offset: number): string {
    if (this.#numbered.offset !== offset) this.#numbered = { offset, next: 0 };
    return `${this.#options.partition}-${offset}-${this.#numbered.next++}`;
  }

  /** @param id of the CloudEvent */
  state(record: StateRecord, id: string, traceparent: string | null): Output {
    const { topics, rows } = this.#options;
    const { conversationId: key, row, timestamp } = record;
    this.#tally.records[row === null ? 'tombstone' : 'upsert']++;
    if (row !== null) for (const column of unlistedColumns(row)) this.#tally.unlisted.push(column);
    const headers = cloudEvent(id, typeOf(record), timestamp, traceparent);
    return { topic: topics.state, key, value: row === null ? null : rows.encode(row), timestamp, headers };
  }

  /** The records of the visits that the event at this offset changed or erased. */
  visitsOf(
    { visits, erasedVisits }: Pick<Applied, 'visits' | 'erasedVisits'>,
    event: ConversationEvent,
    offset: number,
    trace: () => string | null,
  ): readonly Output[] {
    const { visits: codec, partition } = this.#options;
    if (codec === null || visits.length + erasedVisits.length === 0) return [];
    const idOf = (index: number): string => `${partition}-${offset}-v${index}`;
    const traceparent = trace();
    return [
      ...visits.map((each, index) => this.#visit(codec, each, idOf(index), traceparent)),
      ...erasedVisits.map((participant, index) => this.#erasedVisit(event, participant, idOf(index), traceparent)),
    ];
  }

  /** @param id of the CloudEvent. @returns null: the fold writes no visits */
  visit(record: VisitRecord, id: string): Output | null {
    const { visits: codec } = this.#options;
    return codec === null ? null : this.#visit(codec, record, id, null);
  }

  #visit(codec: ValueCodec<QueueVisit>, { visit, timestamp }: VisitRecord, id: string, trace: string | null): Output {
    this.#tally.visits[visit.outcome] = (this.#tally.visits[visit.outcome] ?? 0) + 1;
    return {
      topic: this.#options.topics.visits,
      key: visitKey(visit),
      value: codec.encode(visit),
      timestamp,
      headers: cloudEvent(id, 'queuefold.queue-visit', timestamp, trace),
    };
  }

  #erasedVisit(event: ConversationEvent, participant: string, id: string, trace: string | null): Output {
    const { conversationId, receivedAt: timestamp } = event;
    return {
      topic: this.#options.topics.visits,
      key: visitKey({ conversation_id: conversationId, participant_id: participant }),
      value: null,
      timestamp,
      headers: cloudEvent(id, ERASED_VISIT_TYPE, timestamp, trace),
    };
  }

  deadLetter(
    { topic, partition, offset, key }: LogRecord,
    letter: { readonly reason: FoldDeadLetterReason; readonly message: string; readonly body: unknown },
  ): Output {
    this.#tally.deadLetters.push(letter.reason);
    const origin = { topic, partition, offset };
    return deadLetterRecord(this.#options.topics.deadLetters, { stage: 'fold', ...letter, key, origin });
  }

  /** An event was folded, with this outcome. */
  count(record: LogRecord, { receivedAt: at }: ConversationEvent, outcome: FoldOutcome): void {
    this.#tally.outcomes[outcome] = (this.#tally.outcomes[outcome] ?? 0) + 1;
    this.#tally.received.push({ at, traceparent: headerOf(record, 'traceparent') });
  }

  committed(metrics: Metrics): void {
    countTally(this.#tally, metrics);
    observeLatency(metrics, 'state', this.#tally.received);
    this.#tally = newTally();
  }
}

function cloudEvent(id: string, type: CloudEvent['type'], time: number, traceparent: string | null): Headers {
  return cloudEventHeaders({ id, source: 'queuefold/fold', type, time, traceparent });
}

function typeOf({ row, erased }: StateRecord): CloudEvent['type'] {
  if (row !== null) return 'queuefold.queue-conversation.row';
  return erased === true ? ERASED_TYPE : 'queuefold.queue-conversation.tombstone';
}

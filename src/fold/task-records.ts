import {
  type ConversationEvent,
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
  type LogRecord,
  type OutRecord,
  type TopicNames,
  type ValueCodec,
  visitKey,
} from '../log';
import type { FoldDeadLetterReason } from '../ops';
import type { Tally } from './tally';

export type Output = Omit<OutRecord, 'partition'>;

/** The records that the task of one partition writes. Each counts in the tally of its transaction. */
export interface TaskRecords {
  readonly topics: TopicNames;
  readonly rows: ValueCodec<QueueConversation>;
}

/** @param id of the CloudEvent */
export function stateOutput(
  { topics, rows }: TaskRecords,
  tally: Tally,
  record: StateRecord,
  id: string,
  traceparent: string | null,
): Output {
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
}

function typeOf({ row, erased }: StateRecord): CloudEvent['type'] {
  if (row !== null) return 'queuefold.queue-conversation.row';
  return erased === true ? ERASED_TYPE : 'queuefold.queue-conversation.tombstone';
}

/** @param id of the CloudEvent */
export function visitOutput(
  topic: string,
  codec: ValueCodec<QueueVisit>,
  tally: Tally,
  { visit, timestamp }: VisitRecord,
  id: string,
  traceparent: string | null,
): Output {
  tally.visits[visit.outcome] = (tally.visits[visit.outcome] ?? 0) + 1;
  return {
    topic,
    key: visitKey(visit),
    value: codec.encode(visit),
    timestamp,
    headers: cloudEventHeaders({
      id,
      source: 'queuefold/fold',
      type: 'queuefold.queue-visit',
      time: timestamp,
      traceparent,
    }),
  };
}

/** @param participants whose visits must all go */
export function visitTombstones(
  topic: string,
  { conversationId, receivedAt: timestamp }: ConversationEvent,
  participants: readonly string[],
  id: string,
  traceparent: string | null,
): readonly Output[] {
  return participants.map((participant, index) => {
    const key = visitKey({ conversation_id: conversationId, participant_id: participant });
    const headers = cloudEventHeaders({
      id: `${id}-v${index}`,
      source: 'queuefold/fold',
      type: ERASED_VISIT_TYPE,
      time: timestamp,
      traceparent,
    });
    return { topic, key, value: null, timestamp, headers };
  });
}

export function deadLetterOutput(
  topics: TopicNames,
  tally: Tally,
  { topic, partition, offset, key }: LogRecord,
  letter: { readonly reason: FoldDeadLetterReason; readonly message: string; readonly body: unknown },
): Output {
  tally.deadLetters.push(letter.reason);
  return deadLetterRecord(topics.deadLetters, { stage: 'fold', ...letter, key, origin: { topic, partition, offset } });
}

import { OperatorError } from '../../common';
import type { QueueVisit, Visit } from '../../conversation';
import type { ValueCodec } from '../codec/value-codec';
import type { LogRecord } from '../port';

/** The key columns of a visit. */
type VisitId = Pick<Visit, 'conversation_id' | 'participant_id'>;

/** `conversation_id/participant_id`, with `%` and `/` within an id percent-encoded. */
export function visitKey({ conversation_id, participant_id }: VisitId): string {
  return `${encoded(conversation_id)}/${encoded(participant_id)}`;
}

/** The visit of a key; null: the key is not a visit's. */
export function readVisitKey(key: string): VisitId | null {
  const [conversation, participant, ...rest] = key.split('/');
  if (conversation === undefined || participant === undefined || rest.length > 0) return null;
  return { conversation_id: decoded(conversation), participant_id: decoded(participant) };
}

/** Genesys's ids are UUIDs, which contain neither. */
const TO_ENCODE = /[%/]/;

function encoded(id: string): string {
  return TO_ENCODE.test(id) ? id.replaceAll('%', '%25').replaceAll('/', '%2F') : id;
}

function decoded(id: string): string {
  return id.replaceAll('%2F', '/').replaceAll('%25', '%');
}

/** Reads a record of the visits topic. Its schema id must have been prepared. */
export function readVisitRecord(record: LogRecord, visits: ValueCodec<QueueVisit>): QueueVisit {
  const place = `${record.topic}[${record.partition}]@${record.offset}`;
  if (record.value === null)
    throw new OperatorError(`${place}: a record has no value. Only the fold may write to this topic`);
  const read = visits.decode(record.value);
  if (!read.ok) throw new OperatorError(`${place}: ${read.message}. Only the fold may write to this topic`);
  return read.value;
}

import { OperatorError } from '../../common';
import type { QueueVisit, Visit } from '../../conversation';
import type { ValueCodec } from '../codec/value-codec';
import type { LogRecord } from '../port';

/** `conversation_id/participant_id`, with `%` and `/` within an id percent-encoded. */
export function visitKey({ conversation_id, participant_id }: Visit): string {
  return `${encoded(conversation_id)}/${encoded(participant_id)}`;
}

function encoded(id: string): string {
  return id.replaceAll('%', '%25').replaceAll('/', '%2F');
}

/** A record of the topic of visits as it was read. Its schema id must have been prepared. */
export function readVisitRecord(record: LogRecord, visits: ValueCodec<QueueVisit>): QueueVisit {
  const place = `${record.topic}[${record.partition}]@${record.offset}`;
  if (record.value === null) throw new OperatorError(`${place}: no value; only the fold may write to this topic`);
  const decoded = visits.decode(record.value);
  if (!decoded.ok) throw new OperatorError(`${place}: ${decoded.message}; only the fold may write to this topic`);
  return decoded.value;
}

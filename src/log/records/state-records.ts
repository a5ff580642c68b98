import { OperatorError } from '../../common';
import { printableRow, type QueueConversation, STATE_COLUMNS, type StateRecord } from '../../conversation';
import type { ValueCodec } from '../codec/value-codec';
import type { LogRecord } from '../port';

/** Reads a record of the state topic. Its schema id must have been prepared. */
export function readStateRecord(record: LogRecord, rows: ValueCodec<QueueConversation>): StateRecord {
  const { key, value, timestamp } = record;
  const place = `${record.topic}[${record.partition}]@${record.offset}`;
  if (key === null) throw new OperatorError(`${place}: a record has no key. Only the fold may write to this topic`);
  const conversationId = key.toString();
  if (value === null) return { conversationId, row: null, timestamp };
  const decoded = rows.decode(value);
  if (!decoded.ok) throw new OperatorError(`${place}: ${decoded.message}. Only the fold may write to this topic`);
  return { conversationId, row: decoded.value, timestamp };
}

/** `queuefold replay --print records`: one JSON object a line. */
export function printableRecord({ conversationId, row, timestamp }: StateRecord): string {
  return JSON.stringify({
    key: conversationId,
    value: row === null ? null : printableRow(row, STATE_COLUMNS),
    timestamp: new Date(timestamp).toISOString(),
  });
}

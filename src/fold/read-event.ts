import { type ConversationEvent, hasRealTimes, notReceivedAfter } from '../conversation';
import type { LogRecord, ValueCodec } from '../log';
import type { FoldDeadLetterReason } from '../ops';

/** Why the fold cannot take a record of the events topic. */
export interface Problem {
  readonly reason: FoldDeadLetterReason;
  readonly message: string;
}

/**
 * Reads the event of a record. Pure: the only clock is the record's.
 * @param mostAheadMs how far a receive time may be ahead of the record's timestamp; an event further ahead counts as
 * received at that timestamp
 */
export function readEvent(
  record: LogRecord,
  events: ValueCodec<ConversationEvent>,
  mostAheadMs = Infinity,
): ConversationEvent | Problem {
  if (record.value === null) return { reason: 'no-value', message: 'a record of the events topic without a value' };
  const decoded = events.decode(record.value);
  if (!decoded.ok) return decoded;
  const id = decoded.value.conversationId;
  // In the changelog, the empty key is the checkpoint's. No conversation has it.
  if (record.key === null || record.key.length === 0) {
    return { reason: 'no-key', message: 'a record of the events topic without a key' };
  }
  if (record.key.length !== Buffer.byteLength(id) || record.key.toString() !== id) {
    return { reason: 'wrong-key', message: 'the key is not the conversation id' };
  }
  if (!hasRealTimes(decoded.value)) return { reason: 'wrong-time', message: 'a time outside the years 1900 to 2299' };
  // If the writer gave a record no time, Kafka says -1 or 0.
  const isAhead = record.timestamp > 0 && decoded.value.receivedAt > record.timestamp + mostAheadMs;
  return isAhead ? notReceivedAfter(decoded.value, record.timestamp) : decoded.value;
}

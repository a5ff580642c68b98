import { type ConversationEvent, hasRealTimes, notReceivedAfter } from '../conversation';
import type { LogRecord, ValueCodec } from '../log';
import type { FoldDeadLetterReason } from '../ops';

/** Why a record of the events topic is none that the fold can take. */
export interface Problem {
  readonly reason: FoldDeadLetterReason;
  readonly message: string;
}

/**
 * What a record of the events topic tells. Pure: the only clock is that of the record.
 * @param mostAheadMs how far a receive time may be ahead of its record's timestamp; one further ahead counts as received then
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
  // An empty key is the checkpoint's in the changelog, and no conversation's.
  if (record.key === null || record.key.length === 0) {
    return { reason: 'no-key', message: 'a record of the events topic without a key' };
  }
  if (record.key.length !== Buffer.byteLength(id) || record.key.toString() !== id) {
    return { reason: 'wrong-key', message: 'the key is not the conversation id' };
  }
  if (!hasRealTimes(decoded.value)) return { reason: 'wrong-time', message: 'a time outside the years 1900 to 2299' };
  // Kafka says -1, or 0, of a record whose writer gave it no time.
  const isAhead = record.timestamp > 0 && decoded.value.receivedAt > record.timestamp + mostAheadMs;
  return isAhead ? notReceivedAfter(decoded.value, record.timestamp) : decoded.value;
}

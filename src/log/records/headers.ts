import { inSpan } from '../../common';
import type { Headers, LogRecord } from '../port';

/** The type of a state-topic tombstone of an erased conversation. Every store must then delete older records of it. */
export const ERASED_TYPE = 'queuefold.queue-conversation.erased';

/** The type of a visits-topic tombstone. Only an erasure writes one. */
export const ERASED_VISIT_TYPE = 'queuefold.queue-visit.erased';

/** CloudEvents 1.0 in binary mode, for Kafka. */
export interface CloudEvent {
  /** Unique within the source. */
  readonly id: string;
  readonly source: 'queuefold/bridge' | 'queuefold/erase' | 'queuefold/fold' | 'queuefold/replay';
  readonly type:
    | 'queuefold.conversation.event'
    | 'queuefold.queue-conversation.row'
    | 'queuefold.queue-conversation.tombstone'
    | 'queuefold.queue-visit'
    | typeof ERASED_TYPE
    | typeof ERASED_VISIT_TYPE;
  /** Epoch ms. */
  readonly time: number;
  /** W3C trace context, with which a consumer continues the trace. Null: no trace. */
  readonly traceparent: string | null;
}

export function cloudEventHeaders({ id, source, type, time, traceparent }: CloudEvent): Headers {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: source,
    ce_type: type,
    ce_time: isoTime(time),
    'content-type': 'application/avro',
  };
  if (traceparent !== null) headers['traceparent'] = traceparent;
  return headers;
}

/** The last time, because all records of one event have one time. */
let last = { time: 0, text: new Date(0).toISOString() };

function isoTime(time: number): string {
  if (time !== last.time) last = { time, text: new Date(time).toISOString() };
  return last.text;
}

/** One header of a record, undefined: it has none of this name. Cheaper than `headers` if nobody needs the others. */
export function headerOf(record: LogRecord, name: string): string | undefined {
  return record.header === undefined ? record.headers[name] : record.header(name);
}

/** Whether a record of the state topic says that its conversation was erased. */
export function saysErased({ value, headers }: Pick<LogRecord, 'value' | 'headers'>): boolean {
  return value === null && headers['ce_type'] === ERASED_TYPE;
}

/**
 * The traceparent of the records that follow from a record. The span's id depends only on the record's place, so that a
 * rewritten record is the same.
 */
export function continueTrace(parent: string | undefined, partition: number, offset: number): string | null {
  return inSpan(parent, `${hex(partition, 4)}${hex(offset + 1, 12)}`);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0').slice(-digits);
}

import { inSpan } from '../../common';
import type { Headers } from '../port';

/** CloudEvents 1.0 in binary mode, for Kafka. */
export interface CloudEvent {
  /** Unique within the source. */
  readonly id: string;
  readonly source: 'queuefold/bridge' | 'queuefold/fold' | 'queuefold/replay';
  readonly type:
    | 'queuefold.conversation.event'
    | 'queuefold.queue-conversation.row'
    | 'queuefold.queue-conversation.tombstone'
    | 'queuefold.queue-visit';
  /** Epoch ms. */
  readonly time: number;
  /** W3C trace context: what a consumer's tracing goes on with. Null: of no trace. */
  readonly traceparent: string | null;
}

export function cloudEventHeaders({ id, source, type, time, traceparent }: CloudEvent): Headers {
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: source,
    ce_type: type,
    ce_time: new Date(time).toISOString(),
    'content-type': 'application/avro',
    ...(traceparent === null ? {} : { traceparent }),
  };
}

/** The traceparent of what comes of a record. The span's id follows from its place, so that a record that is written again is the same. */
export function continueTrace(parent: string | undefined, partition: number, offset: number): string | null {
  return inSpan(parent, `${hex(partition, 4)}${hex(offset + 1, 12)}`);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0').slice(-digits);
}

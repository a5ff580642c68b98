import { randomBytes } from 'node:crypto';
import type { Headers } from '../log/port';

/** CloudEvents 1.0 in binary mode, for Kafka. */
export interface CloudEvent {
  /** Unique within the source. */
  readonly id: string;
  readonly source: 'queuefold/bridge' | 'queuefold/fold' | 'queuefold/replay';
  readonly type:
    'queuefold.conversation.event' | 'queuefold.queue-conversation.row' | 'queuefold.queue-conversation.tombstone';
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

/** A trace that begins here. Not sampled: queuefold itself reports no spans. */
export function newTrace(): string {
  const random = randomBytes(24).toString('hex');
  return `00-${random.slice(0, 32)}-${random.slice(32)}-00`;
}

const TRACEPARENT = /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/**
 * The same trace, one step on. The step's id follows from its place, so that a record that is written again is the same.
 * @param parent as it was received; null or malformed: no trace
 */
export function continueTrace(parent: string | undefined, partition: number, offset: number): string | null {
  if (parent === undefined || !TRACEPARENT.test(parent)) return null;
  const step = `${hex(partition, 4)}${hex(offset + 1, 12)}`;
  return `${parent.slice(0, 36)}${step}${parent.slice(52)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0').slice(-digits);
}

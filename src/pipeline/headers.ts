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
}

export function cloudEventHeaders({ id, source, type, time }: CloudEvent): Headers {
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: source,
    ce_type: type,
    ce_time: new Date(time).toISOString(),
    'content-type': 'application/avro',
  };
}

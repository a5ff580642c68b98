import { inSpan, isSampled, newSpanId, newTraceparent, sampled } from '../../common';
import type { Attributes, Span, Tracing } from '../../ops';
import type { LogRecord, OutRecord } from '../port';
import { continueTrace } from './headers';

/**
 * The spans of the pipeline, by OpenTelemetry's conventions for messaging and databases. A notification's trace: `send`
 * (bridge: received → acknowledged by Kafka) → `process` (fold: read → committed) → `process` (sink: read → in
 * ClickHouse). The unit that processes several records (a transaction, an INSERT) is a span with links to theirs.
 */

/** Reports the bridge's records, once Kafka has acknowledged them. */
export function reportSent(tracing: Tracing, records: readonly OutRecord[]): void {
  const endedAt = Date.now();
  for (const record of records) {
    const traceparent = record.headers?.['traceparent'];
    if (!isSampled(traceparent)) continue;
    tracing.report({
      role: 'bridge',
      name: `send ${record.topic}`,
      kind: 'producer',
      traceparent,
      parent: null,
      links: [],
      // The receive time.
      startedAt: Date.parse(record.headers?.['ce_time'] ?? '') || endedAt,
      endedAt,
      attributes: {
        ...messaging('send', record.topic),
        'messaging.message.body.size': record.value?.length ?? 0,
      },
    });
  }
}

/** Collects the records of one transaction of the fold. */
export interface FoldSpans {
  /**
   * @param outcome the fold's outcome for it
   * @param error why it went to the dead letters, if it did
   */
  processed(record: LogRecord, outcome: string, error?: string): void;
  /** The transaction is committed: reports the collected records. */
  committed(): void;
}

export function createFoldSpans(
  tracing: Tracing,
  { topic, partition, group }: { readonly topic: string; readonly partition: number; readonly group: string },
): FoldSpans {
  let startedAt: number | null = null;
  let messages = 0;
  let members: (Pick<Span, 'traceparent' | 'parent' | 'error'> & ReturnType<typeof processing>)[] = [];

  return {
    processed: (record, outcome, error) => {
      startedAt ??= Date.now();
      messages++;
      const parent = record.headers['traceparent'];
      if (!isSampled(parent)) return;
      members.push({
        ...processing('fold', record, { 'messaging.consumer.group.name': group, 'queuefold.outcome': outcome }),
        traceparent: continueTrace(parent, record.partition, record.offset) ?? parent,
        parent,
        ...(error === undefined ? {} : { error }),
      });
    },
    committed: () => {
      if (members.length > 0 && startedAt !== null) {
        const period = { startedAt, endedAt: Date.now() };
        const attributes = {
          ...messaging('settle', topic, 'commit'),
          'messaging.consumer.group.name': group,
          'messaging.destination.partition.id': String(partition),
          'messaging.batch.message_count': messages,
        };
        reportBatch(
          tracing,
          { role: 'fold', name: `commit ${topic}`, kind: 'client', ...period, attributes },
          members.map((member) => ({ ...member, ...period })),
        );
      }
      startedAt = null;
      messages = 0;
      members = [];
    },
  };
}

export interface StoredBatch {
  readonly records: readonly LogRecord[];
  /** When the oldest record was read, and when the INSERT began, epoch ms. */
  readonly readAt: number;
  readonly startedAt: number;
}

/** Reports a batch of the sink, once ClickHouse has it. */
export function reportStored(
  tracing: Tracing,
  { records, readAt, startedAt }: StoredBatch,
  { group, table, database }: { readonly group: string; readonly table: string; readonly database: string },
): void {
  const endedAt = Date.now();
  const members = records.flatMap((record) => {
    const parent = record.headers['traceparent'];
    if (!isSampled(parent)) return [];
    const traceparent = inSpan(parent, newSpanId()) ?? parent;
    const process = processing('sink', record, { 'messaging.consumer.group.name': group });
    return [{ ...process, startedAt: readAt, endedAt, traceparent, parent }];
  });
  if (members.length === 0) return;
  const attributes = {
    'db.system.name': 'clickhouse',
    'db.operation.name': 'INSERT',
    'db.collection.name': table,
    'db.namespace': database,
    'db.operation.batch.size': records.length,
  };
  const batch = { role: 'sink', name: `INSERT ${table}`, kind: 'client', startedAt, endedAt, attributes } as const;
  reportBatch(tracing, batch, members);
}

/** The batch is a trace of its own, because its members belong to many; each links to the other. */
function reportBatch(
  tracing: Tracing,
  batch: Omit<Span, 'links' | 'traceparent' | 'parent'>,
  members: readonly Omit<Span, 'links'>[],
): void {
  const traceparent = sampled(newTraceparent());
  tracing.report({ ...batch, traceparent, parent: null, links: members.map((member) => member.traceparent) });
  for (const member of members) tracing.report({ ...member, links: [traceparent] });
}

function processing(role: 'fold' | 'sink', { topic, partition, offset, value }: LogRecord, more: Attributes) {
  return {
    role,
    name: `process ${topic}`,
    kind: 'consumer',
    attributes: {
      ...messaging('process', topic),
      'messaging.destination.partition.id': String(partition),
      'messaging.kafka.offset': offset,
      ...(value === null ? { 'messaging.kafka.message.tombstone': true } : {}),
      ...more,
    },
  } as const;
}

/** @param type one of the convention's; @param name the system's name of it */
function messaging(type: 'send' | 'process' | 'settle', topic: string, name: string = type): Attributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.type': type,
    'messaging.operation.name': name,
    'messaging.destination.name': topic,
  };
}

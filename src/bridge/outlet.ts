import { type ConversationEvent, invalid } from '../conversation';
import type { Ingest } from '../ingest';
import { type LogProducer, type OutRecord, reportSent, unreadable, type ValueCodec } from '../log';
import { observeLatency, type Received } from '../ops';
import { limitsOf, type RoleParts } from '../wiring';
import type { GenesysSource } from './genesys-source';
import { createSender, type Sender } from './sender';
import type { Entry } from './waiting';

/** The bridge's way into Kafka. */
export interface Outlet {
  readonly sender: Sender;
  /** Null: the source may send more; else why not. */
  problem(): string | null;
}

export interface OutletParts {
  readonly producer: LogProducer;
  readonly events: ValueCodec<ConversationEvent>;
  readonly ingest: Ingest;
  /** The outlet pauses it while Kafka is too slow; null: it has not started, or there is none. */
  readonly source: () => GenesysSource | null;
}

/** Creates a sender with metrics and log lines. It stops the source when too many records wait. */
export function createOutlet(parts: RoleParts, { producer, events, ingest, source }: OutletParts): Outlet {
  const { config, logger, metrics, tracing } = parts;
  let full = false;
  const sender = createSender({
    producer,
    logger,
    events,
    limits: limitsOf(config),
    pendingBytes: config.bridge.pendingBytes,
    onFull: () => {
      full = true;
      logger.warn({ pending: sender.pending() }, 'Kafka is too slow: the bridge stops reading from Genesys');
      source()?.pause();
    },
    onRoom: () => {
      full = false;
      logger.info({ pending: sender.pending() }, 'the bridge reads from Genesys again');
      source()?.resume();
    },
    onRefused: (record, answer) => insteadOf(parts, ingest, { record, answer }),
    onCoalesced: (snapshots) => metrics.coalesced.inc(snapshots),
    onPending: ({ conversations, bytes }) => {
      metrics.pendingConversations.set(conversations);
      metrics.pendingBytes.set(bytes);
    },
    onSent: (entries) => {
      observeLatency(metrics, 'kafka', entries.flatMap(receivedOf));
      if (tracing === undefined) return;
      reportSent(
        tracing,
        entries.map(({ record }) => record),
      );
    },
  });
  return { sender, problem: () => sender.problem() ?? (full ? 'Kafka is too slow: too many records wait' : null) };
}

/** A dead letter in place of a record that Kafka refuses for good; null: the record is a dead letter itself. */
function insteadOf(
  { topics, metrics, logger }: RoleParts,
  ingest: Ingest,
  { record, answer }: { readonly record: OutRecord; readonly answer: string },
): OutRecord | null {
  const { topic, key, value } = record;
  metrics.deadLetters.inc({ stage: 'bridge', reason: 'too-large' });
  logger.error(
    { topic, bytes: value?.length, answer },
    'Kafka refuses a record. Is max.message.bytes of the topic too small?',
  );
  if (topic === topics.deadLetters) return null;
  return ingest.refuse(invalid('too-large', answer), `conversation ${String(key)}`, unreadable(value)).record;
}

/** Dead letters have no receive time. */
function receivedOf({ receivedAt, record }: Entry): readonly Received[] {
  return receivedAt === null ? [] : [{ at: receivedAt, traceparent: record.headers?.['traceparent'] }];
}

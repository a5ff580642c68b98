import { DEFAULT_INPUT_LIMITS, invalid, type QueueConversation } from '../conversation';
import type { Credentials, GenesysUrls, ReconciliationTimings, Timings } from '../genesys';
import { createIngest, type OriginatedLine } from '../ingest';
import { createEventCodec, reportSent, unreadable } from '../log';
import { observeLatency, type Received } from '../ops';
import { limitsOf, logAnswers, maskOf, type RoleParts, type RunningRole } from '../wiring';
import { sendEventLines } from './event-lines';
import { createEventsEndpoint, EVENTS_LIMITS, type EventsLimits } from './events-endpoint';
import { startGenesysSource, type GenesysSource } from './genesys-source';
import { createIntake, type IntakeCounts } from './intake';
import { createSender } from './sender';
import type { Entry } from './waiting';

export interface BridgeParts extends RoleParts {
  /** Tests shorten them. */
  readonly reconciliation?: Partial<ReconciliationTimings>;
  readonly timings?: Partial<Timings>;
  readonly eventsLimits?: Partial<EventsLimits>;
  /** Null: events come by file or over HTTP only. */
  readonly genesys: { readonly credentials: Credentials; readonly urls: GenesysUrls } | null;
  /** Events of files and stdin, read once. */
  readonly lines?: AsyncIterable<OriginatedLine>;
}

export interface RunningBridge extends RunningRole {
  /** What became of `lines`, when the log has acknowledged the last of them; null without any. */
  readonly linesSent: Promise<IntakeCounts> | null;
  /** Names of the watched queues, by id. */
  queueNames(): ReadonlyMap<string, string>;
  /** The table, as the bridge reads it back; empty without Genesys. */
  rows(): Iterable<QueueConversation>;
}

const TELL_FUTURE_EVERY_MS = 60_000;

/** The bridge: snapshots, normalised and minimised, into the events topic, whichever way they come. */
export async function startBridgeRole(parts: BridgeParts): Promise<RunningBridge> {
  const { config, logger, metrics, log, schemas, topics, tracing } = parts;
  let toldAt = -Infinity;
  const tellFutureTime = (): void => {
    if (performance.now() - toldAt < TELL_FUTURE_EVERY_MS) return;
    toldAt = performance.now();
    logger.warn(
      'receive times in the future: they count as received now. Is a clock wrong, ours or that of who sends?',
    );
  };
  // Whoever cannot reach Kafka, or find the topic, is told so at the start, with the remedy.
  await log.reach([topics.events]);
  const events = await createEventCodec(schemas, topics);
  const limits = limitsOf(config);
  const input = DEFAULT_INPUT_LIMITS;
  const ingest = createIngest({
    stage: 'bridge',
    topics,
    events,
    limits,
    input,
    mask: maskOf(config),
    onFutureTime: () => {
      metrics.futureTimes.inc();
      tellFutureTime();
    },
    ...(tracing === undefined ? {} : { beginTrace: tracing.begin }),
  });
  const producer = await log.createProducer();
  let genesys: GenesysSource | null = null;
  let full = false;
  const sender = createSender({
    producer,
    logger,
    events,
    limits,
    pendingBytes: config.bridge.pendingBytes,
    onFull: () => {
      full = true;
      logger.warn({ pending: sender.pending() }, 'Kafka is too slow: reading from Genesys pauses');
      genesys?.pause();
    },
    onRoom: () => {
      full = false;
      logger.info({ pending: sender.pending() }, 'reading from Genesys goes on');
      genesys?.resume();
    },
    onRefused: (record, answer) => {
      const { topic, key, value } = record;
      metrics.deadLetters.inc({ stage: 'bridge', reason: 'too-large' });
      logger.error(
        { topic, bytes: value?.length, answer },
        'Kafka refuses a record: is its max.message.bytes too small?',
      );
      if (topic === topics.deadLetters) return null;
      return ingest.refuse(invalid('too-large', answer), `conversation ${String(key)}`, unreadable(value)).record;
    },
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
  metrics.lowWatermark.onScrape(() => {
    metrics.lowWatermark.set({ stage: 'kafka', partition: '' }, (sender.oldestAt() ?? Date.now()) / 1000);
  });
  const intake = createIntake(sender, metrics, logger);
  const unavailable = (): string | null => sender.problem() ?? (full ? 'Kafka is too slow, too much waits' : null);
  const { secret } = config.events;
  const endpoint =
    secret === undefined
      ? null
      : createEventsEndpoint({
          ...{ secret: secret.reveal(), ...EVENTS_LIMITS, ...parts.eventsLimits },
          ...{ ingest, intake, metrics, available: () => unavailable() === null, flushed: sender.flushed },
          onConfirm: (confirmAt) =>
            logger.warn({ confirmAt }, 'Amazon SNS asks whether it may send: open this address to confirm'),
        });
  if (parts.genesys !== null) {
    genesys = await startGenesysSource({ ...parts, genesys: parts.genesys, ingest, intake, sender });
  }
  const stopping = new AbortController();
  const { signal } = stopping;
  const linesSent = parts.lines ? sendEventLines({ lines: parts.lines, ingest, intake, sender, signal }) : null;
  const reach = logAnswers(log, topics.events);
  let finish: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => (finish = resolve));

  return {
    name: 'bridge',
    ready: {
      ...genesys?.ready,
      kafka: async () => {
        const why = unavailable();
        if (why !== null) return { ok: false, detail: why };
        // There may be nothing to send for hours, which would tell nothing of Kafka.
        const answer = await reach();
        return answer.ok ? { ok: true, detail: `${sender.pending()} records wait` } : answer;
      },
    },
    routes: endpoint === null ? {} : { '/events': endpoint.route },
    linesSent,
    done: linesSent === null ? stopped : Promise.race([stopped, failureOf(linesSent, signal)]),
    rows: () => genesys?.rows() ?? [],
    queueNames: () => genesys?.queueNames() ?? new Map<string, string>(),
    stop: async () => {
      stopping.abort();
      endpoint?.close();
      await genesys?.stop();
      const { unsent } = await sender.stop();
      if (unsent > 0) logger.error({ unsent }, 'events received and not taken by Kafka are given up');
      await producer.close();
      finish();
    },
  };
}

/** Rejects with what ended the reading of the lines, unless it was told to end; never resolves. */
async function failureOf(linesSent: Promise<unknown>, told: AbortSignal): Promise<never> {
  await linesSent.catch((error: unknown) => {
    // Stdin is woken with an AbortError.
    if (!told.aborted && !(error instanceof Error && error.name === 'AbortError')) throw error;
  });
  return new Promise(() => undefined);
}

/** Dead letters have no receive time. */
function receivedOf({ receivedAt, record }: Entry): readonly Received[] {
  return receivedAt === null ? [] : [{ at: receivedAt, traceparent: record.headers?.['traceparent'] }];
}

import { type ConversationEvent, DEFAULT_INPUT_LIMITS, type QueueConversation } from '../conversation';
import type { Credentials, GenesysUrls, ReconciliationTimings, Timings } from '../genesys';
import { createIngest, type Ingest, type OriginatedLine } from '../ingest';
import { createEventCodec, type ValueCodec } from '../log';
import type { CheckResult } from '../ops';
import { limitsOf, logAnswers, maskOf, type RoleParts, type RunningRole } from '../wiring';
import { sendEventLines } from './event-lines';
import { createEventsEndpoint, EVENTS_LIMITS, type EventsEndpoint, type EventsLimits } from './events-endpoint';
import { startGenesysSource, type GenesysSource } from './genesys-source';
import { createIntake, type Intake, type IntakeCounts } from './intake';
import { createOutlet, type Outlet } from './outlet';

export interface BridgeParts extends RoleParts {
  /** Tests shorten them. */
  readonly reconciliation?: Partial<ReconciliationTimings>;
  readonly timings?: Partial<Timings>;
  readonly eventsLimits?: Partial<EventsLimits>;
  /** Null: events come only from files or over HTTP. */
  readonly genesys: { readonly credentials: Credentials; readonly urls: GenesysUrls } | null;
  /** Events of files and stdin, which are read once. */
  readonly lines?: AsyncIterable<OriginatedLine>;
}

export interface RunningBridge extends RunningRole {
  /** The counts of `lines`, once the log has acknowledged the last of them; null: there are no lines. */
  readonly linesSent: Promise<IntakeCounts> | null;
  /** Names of the watched queues, by id. */
  queueNames(): ReadonlyMap<string, string>;
  /** The table, as the bridge reads it back; empty without Genesys. */
  rows(): Iterable<QueueConversation>;
}

const TELL_FUTURE_EVERY_MS = 60_000;

/** The bridge: it normalizes and minimizes snapshots from every source and sends them into the events topic. */
export async function startBridgeRole(parts: BridgeParts): Promise<RunningBridge> {
  const { logger, metrics, log, schemas, topics } = parts;
  // Fails at the start, with the remedy, if Kafka cannot be reached or the topic does not exist.
  await log.reach([topics.events]);
  const events = await createEventCodec(schemas, topics);
  const ingest = createBridgeIngest(parts, events);
  const producer = await log.createProducer();
  let genesys: GenesysSource | null = null;
  const outlet = createOutlet(parts, { producer, events, ingest, source: () => genesys });
  const { sender } = outlet;
  metrics.lowWatermark.onScrape(() => {
    metrics.lowWatermark.set({ stage: 'kafka', partition: '' }, (sender.oldestAt() ?? Date.now()) / 1000);
  });
  const intake = createIntake(sender, metrics, logger);
  const endpoint = endpointOf(parts, { ingest, intake, outlet });
  if (parts.genesys !== null) {
    genesys = await startGenesysSource({ ...parts, genesys: parts.genesys, ingest, intake, sender });
  }
  const stopping = new AbortController();
  const { signal } = stopping;
  const linesSent = parts.lines ? sendEventLines({ lines: parts.lines, ingest, intake, sender, signal }) : null;
  let finish: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => (finish = resolve));

  return {
    name: 'bridge',
    ready: { ...genesys?.ready, kafka: kafkaCheck(parts, outlet) },
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
      if (unsent > 0) logger.error({ unsent }, 'the bridge gives up events that Kafka has not acknowledged');
      await producer.close();
      finish();
    },
  };
}

function createBridgeIngest(parts: BridgeParts, events: ValueCodec<ConversationEvent>): Ingest {
  const { config, logger, metrics, topics, tracing } = parts;
  let toldAt = -Infinity;
  const onFutureTime = (): void => {
    metrics.futureTimes.inc();
    if (performance.now() - toldAt < TELL_FUTURE_EVERY_MS) return;
    toldAt = performance.now();
    logger.warn(
      'events have receive times in the future, so the bridge takes the present time. Is the clock of this machine wrong, or that of the sender?',
    );
  };
  return createIngest({
    stage: 'bridge',
    topics,
    events,
    limits: limitsOf(config),
    input: DEFAULT_INPUT_LIMITS,
    mask: maskOf(config),
    onFutureTime,
    ...(tracing === undefined ? {} : { beginTrace: tracing.begin }),
  });
}

/** `POST /events`; null: no secret is set for it. */
function endpointOf(
  { config, logger, metrics, eventsLimits }: BridgeParts,
  { ingest, intake, outlet }: { readonly ingest: Ingest; readonly intake: Intake; readonly outlet: Outlet },
): EventsEndpoint | null {
  const { secret } = config.events;
  if (secret === undefined) return null;
  return createEventsEndpoint({
    ...{ secret: secret.reveal(), ...EVENTS_LIMITS, ...eventsLimits },
    ...{ ingest, intake, metrics },
    available: () => outlet.problem() === null,
    flushed: () => outlet.sender.flushed(),
    onConfirm: (confirmAt) =>
      logger.warn({ confirmAt }, 'Amazon SNS asks for a confirmation: open this address to let it send events'),
  });
}

function kafkaCheck({ log, topics }: BridgeParts, { sender, problem }: Outlet): () => Promise<CheckResult> {
  const reach = logAnswers(log, topics.events);
  return async () => {
    const why = problem();
    if (why !== null) return { ok: false, detail: why };
    // The bridge may send nothing for hours, and would then know nothing of Kafka.
    const answer = await reach();
    return answer.ok ? { ok: true, detail: `${sender.pending()} records wait` } : answer;
  };
}

/** Rejects with the error that ended the reading of the lines, unless `told` was aborted. Never resolves. */
async function failureOf(linesSent: Promise<unknown>, told: AbortSignal): Promise<never> {
  await linesSent.catch((error: unknown) => {
    // An abort wakes the reader of stdin with an AbortError.
    if (!told.aborted && !(error instanceof Error && error.name === 'AbortError')) throw error;
  });
  return new Promise(() => undefined);
}

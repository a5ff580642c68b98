import type { QueueConversation } from '../conversation/row';
import {
  startGenesysFeed,
  type Credentials,
  type GenesysFeed,
  type GenesysUrls,
  type LiveRow,
  type ReconciliationTimings,
} from '../genesys';
import { createEventCodec, createRowCodec } from '../log/codec/codecs';
import type { OutRecord } from '../log/port';
import { createIngest } from '../pipeline/ingest';
import { followLiveRows } from '../pipeline/live-rows';
import { createSender } from '../pipeline/sender';
import type { RoleParts, RunningRole } from './role';
import { limitsOf, maskOf } from './settings';

export interface BridgeParts extends RoleParts {
  readonly reconciliation?: Partial<ReconciliationTimings>;
  readonly genesys: { readonly credentials: Credentials; readonly urls: GenesysUrls };
}

export interface RunningBridge extends RunningRole {
  /** Names of the watched queues, by id. */
  queueNames(): ReadonlyMap<string, string>;
  /** The table, as the bridge reads it back. */
  rows(): Iterable<QueueConversation>;
}

/** The bridge: Genesys's notifications, normalised and minimised, into the events topic. */
export async function startBridgeRole(parts: BridgeParts): Promise<RunningBridge> {
  const { config, logger, metrics, log, schemas, topics, genesys } = parts;
  const ingest = createIngest({
    stage: 'bridge',
    topics,
    events: await createEventCodec(schemas, topics),
    limits: limitsOf(config),
    mask: maskOf(config),
  });
  const live = await followLiveRows(log, topics.state, await createRowCodec(schemas, topics));
  const producer = await log.createProducer();
  const latency = metrics.endToEndLatency.labels({ stage: 'kafka' });
  let feed: GenesysFeed | null = null;
  const sender = createSender({
    producer,
    logger,
    onFull: () => {
      logger.warn({ pending: sender.pending() }, 'Kafka is too slow: reading from Genesys pauses');
      feed?.pause();
    },
    onRoom: () => feed?.resume(),
    onSent: (records) => {
      metrics.pendingConversations.set(sender.pending());
      for (const record of records) latency.observe(Math.max(0, Date.now() - receivedAtOf(record)) / 1000);
    },
  });

  const take = (text: string, receivedAt: number, source: 'websocket' | 'rest'): void => {
    const ingested = ingest.line(Buffer.from(text), receivedAt, `genesys ${source}`);
    if (ingested === null) return;
    const outcome = ingested.kind === 'event' ? 'produced' : ingested.reason;
    metrics.bridgeEvents.inc({ source, outcome });
    if (ingested.kind === 'invalid') {
      metrics.deadLetters.inc({ stage: 'bridge', reason: ingested.reason });
      logger.warn({ source, reason: ingested.reason, detail: ingested.message }, 'a snapshot went to the dead letters');
    }
    if (ingested.kind === 'event' && source === 'websocket') feed?.heard(ingested.event.conversationId, receivedAt);
    if (ingested.kind !== 'skip') sender.add(ingested.record);
  };

  feed = await startGenesysFeed({
    ...genesys,
    queues: config.genesys.queues,
    metrics,
    logger,
    onFrame: ({ text, receivedAt }) => take(text, receivedAt, 'websocket'),
    reconciliation: {
      caughtUp: live.caughtUp,
      live: function* () {
        for (const row of live.rows()) yield liveRowOf(row);
      },
      row: (conversationId) => {
        const row = live.row(conversationId);
        return row === null ? null : liveRowOf(row);
      },
      onSnapshot: (body, askedAt) => take(body, askedAt, 'rest'),
      onGone: (conversationId, askedAt) => {
        metrics.bridgeEvents.inc({ source: 'rest', outcome: 'gone' });
        sender.add(ingest.gone(conversationId, askedAt));
      },
      ...(parts.reconciliation === undefined ? {} : { timings: parts.reconciliation }),
    },
  });
  const running = feed;
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (finish = resolve));

  return {
    name: 'bridge',
    ready: {
      genesys: () => ({ ok: running.ready(), detail: running.state() }),
      kafka: () => ({ ok: sender.problem() === null, detail: sender.problem() ?? `${sender.pending()} records wait` }),
    },
    done,
    rows: live.rows,
    queueNames: () => new Map(running.queues().map(({ id, name }) => [id, name])),
    stop: async () => {
      await running.stop();
      await live.stop();
      const { unsent } = await sender.stop();
      if (unsent > 0) logger.error({ unsent }, 'events received and not taken by Kafka are given up');
      await producer.close();
      finish();
    },
  };
}

function liveRowOf(row: QueueConversation): LiveRow {
  return {
    conversationId: row.conversation_id,
    queueId: row.queue_id,
    mediaType: row.media_type,
    waiting: row.waiting,
    updatedAt: row.db_last_updated,
  };
}

/** The receive time stands in the record's CloudEvents header. */
function receivedAtOf({ headers }: OutRecord): number {
  const time = headers?.['ce_time'];
  return time === undefined ? Date.now() : Date.parse(time);
}

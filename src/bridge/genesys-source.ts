import type { QueueConversation } from '../conversation';
import {
  type Credentials,
  type GenesysFeed,
  type GenesysUrls,
  type LiveRow,
  type NamesWanted,
  type Phase,
  type ReconciliationTimings,
  startGenesysFeed,
  type Timings,
} from '../genesys';
import type { Ingest } from '../ingest';
import { createNameCodec, createRowReader } from '../log';
import type { Checks } from '../ops';
import type { RoleParts } from '../wiring';
import type { Intake } from './intake';
import { followLiveRows, type KnownRow, type RowBack } from './live-rows';
import { createNamesKeeper } from './names-keeper';
import type { Sender } from './sender';

export interface GenesysSourceParts extends RoleParts {
  readonly genesys: { readonly credentials: Credentials; readonly urls: GenesysUrls };
  readonly reconciliation?: Partial<ReconciliationTimings>;
  readonly timings?: Partial<Timings>;
  readonly ingest: Ingest;
  readonly intake: Intake;
  readonly sender: Sender;
}

/** The bridge's connection to Genesys: notifications, and the answers to the questions of reconciliation. */
export interface GenesysSource {
  readonly ready: Checks;
  queueNames(): ReadonlyMap<string, string>;
  rows(): Iterable<QueueConversation>;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export async function startGenesysSource(parts: GenesysSourceParts): Promise<GenesysSource> {
  const { config, logger, metrics, log, schemas, topics, genesys, ingest, intake, sender } = parts;
  const reader = createRowReader(schemas);
  const live = followLiveRows({ log, topic: topics.state, reader, metrics, logger, onBack });
  let feed: GenesysFeed | null = null;

  function onBack({ row, before, readAt }: RowBack): void {
    const { conversation_id: id, db_last_updated: updatedAt } = row;
    feed?.wentBack(id, { readAt, ...(updatedAt > before.db_last_updated ? { updatedAt } : {}) });
  }

  const take = (bytes: Buffer, receivedAt: number, source: 'websocket' | 'rest'): void => {
    const ingested = ingest.line(bytes, receivedAt, `genesys ${source}`);
    if (ingested === null) return;
    if (ingested.kind === 'event' && source === 'websocket') feed?.heard(ingested.event.conversationId, receivedAt);
    intake(ingested, source);
  };

  const running = await startGenesysFeed({
    ...genesys,
    queues: config.genesys.queues,
    shard: config.genesys.shard,
    channels: config.genesys.channels,
    ...(parts.timings === undefined ? {} : { timings: parts.timings }),
    ...namesOf(parts),
    metrics,
    logger,
    onFrame: ({ bytes, receivedAt }) => take(bytes, receivedAt, 'websocket'),
    reconciliation: {
      caughtUp: live.caughtUp,
      live: function* () {
        for (const known of live.entries()) yield liveRowOf(known);
      },
      row: (conversationId) => {
        const known = live.entry(conversationId);
        return known === null ? null : liveRowOf(known);
      },
      onSnapshot: (body, askedAt) => take(Buffer.from(body), askedAt, 'rest'),
      onGone: (conversationId, askedAt) => {
        metrics.bridgeEvents.inc({ source: 'rest', outcome: 'gone' });
        const table = live.entry(conversationId) === null ? 'has-none' : 'has-row';
        const { record, event } = ingest.gone(conversationId, askedAt, table);
        sender.add(record, event);
      },
      ...(parts.reconciliation === undefined ? {} : { timings: parts.reconciliation }),
    },
  });
  feed = running;

  return {
    ready: {
      genesys: () => ({ ok: running.ready(), detail: running.state() }),
      // The bridge takes events even then: it needs this table only to compare with Genesys.
      table: () => ({ ok: true, detail: live.problem() ?? 'read back' }),
    },
    queueNames: () => new Map(running.queues().map(({ id, name }) => [id, name])),
    rows: live.rows,
    pause: () => running.pause(),
    resume: () => running.resume(),
    stop: async () => {
      await running.stop();
      await live.stop();
    },
  };
}

/** One bridge is enough for the names of the organization, so the bridge of the first share asks for them. */
function namesOf(parts: GenesysSourceParts): { readonly names?: NamesWanted } {
  const { log, schemas, topics, metrics, logger } = parts;
  const { namesOf: kinds, shard } = parts.config.genesys;
  if (kinds.length === 0 || shard.index !== 0) return {};
  const keeper = createNamesKeeper({
    ...{ log, topic: topics.names, kinds, metrics, logger },
    codec: () => createNameCodec(schemas, topics),
    keepGoneMs: parts.config.clickhouse.historyRetentionMs,
  });
  return { names: { kinds, keep: keeper.keep } };
}

function liveRowOf({ row, readAt, isBack }: KnownRow): LiveRow {
  return {
    conversationId: row.conversation_id,
    queueId: row.queue_id,
    mediaType: row.media_type,
    sessionId: row.session_id,
    waiting: row.waiting,
    phase: phaseOf(row),
    afterCallWork: row.acw_state === 'pending',
    // The clock of another bridge may be ahead, but nothing was received after this bridge read it.
    updatedAt: Math.min(row.db_last_updated, readAt),
    isAhead: row.db_last_updated > readAt,
    isBack,
  };
}

/** The phase that Genesys's queue activity counts the latest session in; null: none. */
function phaseOf({ purpose, state, waiting }: QueueConversation): Phase | null {
  if (purpose === 'acd') return waiting ? 'waiting' : null;
  if (purpose !== 'agent' && purpose !== 'user') return null;
  if (state === 'connected') return 'interacting';
  return state !== null && ['alerting', 'dialing', 'contacting', 'offering'].includes(state) ? 'alerting' : null;
}

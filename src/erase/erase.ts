import { setTimeout as sleep } from 'node:timers/promises';
import { matchAddress } from '../conversation';
import { createEventCodec, type Log, type LogRecord, type OutRecord, saysErased, visitKey } from '../log';
import {
  claimEpoch,
  countErasable,
  type Erasure,
  findByAddress,
  noteErasures,
  type Store,
  sweepErasures,
  versionOf,
} from '../store';
import { maskOf, type RoleParts } from '../wiring';
import { searchTopics, type Wanted } from './erasable';
import { eraseRecord } from './event';
import { watchVisits } from './visits';

export type EraseTarget = { readonly conversations: readonly string[] } | { readonly address: string };

export interface EraseParts extends Pick<RoleParts, 'config' | 'log' | 'schemas' | 'topics'> {
  /** Null: no ClickHouse is configured. The sinks delete the rows when they read the tombstones, with or without it. */
  readonly store: Store | null;
}

export interface Erasable {
  readonly conversations: readonly {
    readonly id: string;
    /** The topics that have a record of it other than a tombstone. For an address also `ClickHouse`. */
    readonly in: readonly string[];
  }[];
  /** Table → rows of them; null without a store. */
  readonly rows: Readonly<Record<string, number>> | null;
}

/** Finds what there is to erase, and changes nothing. It returns every named conversation, wherever it is. */
export async function findErasable(
  { config, log, schemas, topics, store }: EraseParts,
  target: EraseTarget,
  onTopic: (topic: string) => void,
): Promise<Erasable> {
  const matcher = 'address' in target ? matchAddress(target.address, maskOf(config)) : null;
  const named = 'conversations' in target ? target.conversations : [];
  const wanted: Wanted = matcher === null ? { ids: new Set(named) } : { matches: matcher.matches };
  const inTopics = await searchTopics({ log, schemas, topics, wanted, onTopic });
  const inTables = matcher === null || store === null ? [] : await findByAddress(store, matcher.parts, matcher.matches);
  const ids = [...new Set([...named, ...inTopics.keys(), ...inTables])].sort();
  onTopic(topics.visits);
  const visits = await watchVisits(log, topics.visits, new Set(ids));
  await visits.stop();
  const stored = new Set(inTables);
  return {
    conversations: ids.map((id) => ({
      id,
      in: [
        ...(inTopics.get(id) ?? []),
        ...(visits.of(id).length > 0 ? [topics.visits] : []),
        ...(stored.has(id) ? ['ClickHouse'] : []),
      ],
    })),
    rows: store === null ? null : await countErasable(store, ids),
  };
}

export interface EraseResult {
  /** The conversations that the fold has erased: their tombstones are in the state topic. */
  readonly erased: readonly string[];
  /** The conversations that no fold has erased in time. A fold erases them when it runs. */
  readonly pending: readonly string[];
  /** How many visits of the erased conversations still have a record: the fold writes no visits, or is an older one. */
  readonly visits: number;
  /** Table → how many rows of erased conversations it still has. Null without a store. */
  readonly remaining: Readonly<Record<string, number>> | null;
}

const WAIT_MS = 60_000;
/** Records that are committed with the tombstone may become visible a little later. */
const SETTLE_MS = 10_000;
const POLL_MS = 50;
const SWEEP_WITHIN_MS = 60 * 60_000;
const SWEEP_EVERY_MS = 1_000;
/** A sink may be a batch behind. It then writes, after the first sweep, rows that it read before the tombstone. */
const SWEEP_FOR_MS = 30_000;

/**
 * Erases the conversations. It sends an event for each, and the fold answers with a tombstone, which tells the sinks.
 * Then it deletes the rows from the tables.
 * @param wait how long to wait for the fold, 60,000 ms by default
 */
export async function erase(
  { log, schemas, topics, store }: Omit<EraseParts, 'config'>,
  ids: readonly string[],
  wait: Wait,
): Promise<EraseResult> {
  const { tombstones, visits } = await askFold({ log, schemas, topics }, ids, wait);
  const erased = ids.filter((id) => tombstones.has(id));
  const pending = ids.filter((id) => !tombstones.has(id));
  if (store === null || erased.length === 0) return { erased, pending, visits, remaining: store === null ? null : {} };

  const epoch = await claimEpoch(store, { topic: topics.state, id: await log.topicId(topics.state) });
  const erasures = [...tombstones].map(([conversationId, { offset, timestamp }]): Erasure => ({
    ...{ conversationId, version: versionOf(epoch, offset), erasedAt: timestamp },
  }));
  await noteErasures(store, erasures);
  return { erased, pending, visits, remaining: await sweepUntilGone(store, erased, wait) };
}

/**
 * Returns the rows that the tables still have, after `SWEEP_FOR_MS`, or after the wait for the fold if that is less.
 */
async function sweepUntilGone(
  store: Store,
  ids: readonly string[],
  { signal, ms = WAIT_MS }: Wait,
): Promise<Readonly<Record<string, number>>> {
  const until = Date.now() + Math.min(ms, SWEEP_FOR_MS);
  for (;;) {
    await sweepErasures(store, SWEEP_WITHIN_MS);
    const remaining = await countErasable(store, ids);
    if (Object.keys(remaining).length === 0 || Date.now() >= until || signal.aborted) return remaining;
    await sleep(SWEEP_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

interface Wait {
  readonly signal: AbortSignal;
  readonly ms?: number;
}

interface Asked {
  /** The tombstones in the state topic, by conversation. */
  readonly tombstones: ReadonlyMap<string, { readonly offset: number; readonly timestamp: number }>;
  /** @see EraseResult.visits */
  readonly visits: number;
}

async function askFold(
  { log, schemas, topics }: Pick<EraseParts, 'log' | 'schemas' | 'topics'>,
  ids: readonly string[],
  { signal, ms = WAIT_MS }: Wait,
): Promise<Asked> {
  const wanted = new Set(ids);
  const tombstones = new Map<string, LogRecord>();
  const visits = await watchVisits(log, topics.visits, wanted);
  const reading = await log.read({
    topics: [topics.state],
    from: await log.endOffsets(topics.state),
    follow: true,
    onRecord: (record) => {
      const key = record.key?.toString();
      if (key !== undefined && wanted.has(key) && saysErased(record)) tombstones.set(key, record);
    },
  });
  const asked = new Set<string>();
  const ask = async (some: readonly string[]): Promise<void> => {
    const events = await createEventCodec(schemas, topics);
    const requests = some.map((id) => eraseRecord(topics.events, events, id, visits.of(id), Date.now()));
    for (const id of some) for (const participant of visits.of(id)) asked.add(visitOf(id, participant));
    await send(log, requests);
  };
  const left = (): readonly string[] =>
    ids.flatMap((id) => (tombstones.has(id) ? visits.of(id).map((participant) => visitOf(id, participant)) : []));
  const settle = () => waitFor(() => left().length === 0, Math.min(ms, SETTLE_MS), signal);
  try {
    await ask(ids);
    await waitFor(() => tombstones.size === wanted.size, ms, signal);
    await settle();
    // A conversation may have ended when the fold read the request, and its visits may have been written after the
    // topic was read. The fold writes no visits of an erased conversation anymore.
    const late = ids.filter((id) => tombstones.has(id) && visits.of(id).some((one) => !asked.has(visitOf(id, one))));
    if (late.length > 0) {
      await ask(late);
      await settle();
    }
  } finally {
    await Promise.all([reading.stop(), visits.stop()]);
  }
  return { tombstones, visits: left().length };
}

function visitOf(conversationId: string, participantId: string): string {
  return visitKey({ conversation_id: conversationId, participant_id: participantId });
}

async function waitFor(isDone: () => boolean, ms: number, signal: AbortSignal): Promise<void> {
  const until = Date.now() + ms;
  while (!isDone() && Date.now() < until && !signal.aborted) await sleep(POLL_MS);
}

async function send(log: Pick<Log, 'createProducer'>, records: readonly OutRecord[]): Promise<void> {
  const producer = await log.createProducer();
  try {
    await producer.send(records);
  } finally {
    await producer.close();
  }
}

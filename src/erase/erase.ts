import { setTimeout as sleep } from 'node:timers/promises';
import { matchAddress } from '../conversation';
import { createEventCodec, type Log, type OutRecord, saysErased } from '../log';
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

export type EraseTarget = { readonly conversations: readonly string[] } | { readonly address: string };

export interface EraseParts extends Pick<RoleParts, 'config' | 'log' | 'schemas' | 'topics'> {
  /** Null: not configured. The sinks delete the rows when they read the tombstones, whether it is or not. */
  readonly store: Store | null;
}

export interface Erasable {
  readonly conversations: readonly {
    readonly id: string;
    /** Topics with a record of it that is no tombstone, and, of an address, `ClickHouse`. */
    readonly in: readonly string[];
  }[];
  /** Table → rows of them; null without a store. */
  readonly rows: Readonly<Record<string, number>> | null;
}

/** What there is to erase. Changes nothing. A named conversation is in the answer, wherever it is. */
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
  const stored = new Set(inTables);
  return {
    conversations: ids.map((id) => ({
      id,
      in: [...(inTopics.get(id) ?? []), ...(stored.has(id) ? ['ClickHouse'] : [])],
    })),
    rows: store === null ? null : await countErasable(store, ids),
  };
}

export interface EraseResult {
  /** The fold has erased them: their tombstones are in the state topic. */
  readonly erased: readonly string[];
  /** No fold has done so in time; it will when it runs. */
  readonly pending: readonly string[];
  /** Table → rows that are still there of those that were erased; null without a store. */
  readonly remaining: Readonly<Record<string, number>> | null;
}

const WAIT_MS = 60_000;
const POLL_MS = 50;
const SWEEP_WITHIN_MS = 60 * 60_000;

/**
 * Has the conversations erased: an event for each tells the fold, whose tombstone tells the sinks; then what the tables
 * have of them is deleted.
 * @param wait how long for the fold, 60,000 ms by default
 */
export async function erase(
  { log, schemas, topics, store }: Omit<EraseParts, 'config'>,
  ids: readonly string[],
  wait: { readonly signal: AbortSignal; readonly ms?: number },
): Promise<EraseResult> {
  const ends = await log.endOffsets(topics.state);
  const tombstones = new Map<string, { readonly offset: number; readonly timestamp: number }>();
  const wanted = new Set(ids);
  const reading = await log.read({
    topics: [topics.state],
    from: ends,
    follow: true,
    onRecord: (record) => {
      const key = record.key?.toString();
      if (key !== undefined && wanted.has(key) && saysErased(record)) tombstones.set(key, record);
    },
  });
  try {
    const events = await createEventCodec(schemas, topics);
    const now = Date.now();
    await send(
      log,
      ids.map((id) => eraseRecord(topics.events, events, id, now)),
    );
    const until = now + (wait.ms ?? WAIT_MS);
    while (tombstones.size < wanted.size && Date.now() < until && !wait.signal.aborted) await sleep(POLL_MS);
  } finally {
    await reading.stop();
  }
  const erased = ids.filter((id) => tombstones.has(id));
  const pending = ids.filter((id) => !tombstones.has(id));
  if (store === null || erased.length === 0) return { erased, pending, remaining: store === null ? null : {} };

  const epoch = await claimEpoch(store, { topic: topics.state, id: await log.topicId(topics.state) });
  const erasures = [...tombstones].map(([conversationId, { offset, timestamp }]): Erasure => ({
    ...{ conversationId, version: versionOf(epoch, offset), erasedAt: timestamp },
  }));
  await noteErasures(store, erasures);
  await sweepErasures(store, SWEEP_WITHIN_MS);
  return { erased, pending, remaining: await countErasable(store, erased) };
}

async function send(log: Pick<Log, 'createProducer'>, records: readonly OutRecord[]): Promise<void> {
  const producer = await log.createProducer();
  try {
    await producer.send(records);
  } finally {
    await producer.close();
  }
}

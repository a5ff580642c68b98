import { setTimeout as sleep } from 'node:timers/promises';
import { AwayError, MissingError, OperatorError } from '../common';
import { identifier, type Store } from './client';
import { MAX_EPOCH } from './encode';
import { ACCESS_DENIED, codeOf, describeStoreError, UNKNOWN_TABLE } from './errors';
import { literal } from './literal';

/** A topic, as far as the store must distinguish it from others: the state topic or the topic of names. */
export interface TopicIdentity {
  readonly topic: string;
  /** Null: the log gives no id, so the store cannot distinguish a recreated topic from the one before. */
  readonly id: string | null;
}

interface KnownTopic extends TopicIdentity {
  readonly id: string;
}

interface Epoch extends TopicIdentity {
  readonly epoch: number;
}

/** Another replica may show a row later than the one that took it. */
const VISIBLE_WITHIN_MS = 30_000;
const POLL_MS = 50;

/**
 * Returns the epoch of a topic in this database: the one that it already has, else the next one. Several sinks at once
 * get the same answer.
 * A sink claims an epoch by an INSERT whose deduplication token is the epoch. ClickHouse (or its Keeper) takes the
 * first INSERT and drops all others. Then every sink reads back who has the epoch. Sinks claim epochs one after the
 * other, without a gap. A sink that reaches epoch n has seen that all epochs before it belong to other topics. So no
 * topic gets two epochs, unless it went back.
 * @throws AwayError if ClickHouse does not answer, or answers with an error that may pass; MissingError without the table
 */
export async function claimEpoch(store: Store, identity: TopicIdentity): Promise<number> {
  try {
    return await claimNow(store, identity);
  } catch (error) {
    if (error instanceof OperatorError || codeOf(error) === ACCESS_DENIED) throw error;
    // The server answered a moment ago. A start waits, and a command ends with these words.
    throw new AwayError(
      `ClickHouse at ${store.where} does not say which epoch ${identity.topic} has in ${store.database}: ` +
        `${describeStoreError(error)}. Does it take statements, and can it write?`,
    );
  }
}

async function claimNow(store: Store, { topic, id }: TopicIdentity): Promise<number> {
  const known = await readEpochs(store);
  if (id === null) return Math.max(0, ...known.map(({ epoch }) => epoch));
  const latest = latestOf(known, { topic, id });
  if (latest !== null) return latest;
  if (known.length === 0) await reserveUnknown(store);
  return claim(store, { topic, id }, known);
}

/** Returns the epoch that the topic has now; null: it has none, or the log gives no ids. */
export async function currentEpoch(store: Store, { topic, id }: TopicIdentity): Promise<number | null> {
  return id === null ? null : latestOf(await readEpochs(store), { topic, id });
}

/**
 * Gives another epoch to a topic that went back to an older copy. In it the topic's offsets count from their beginning.
 * Several sinks that saw the topic go back in the same epoch get the same answer. `claimEpoch` returns it from then on.
 * @param epoch the epoch that the topic had
 */
export async function renewEpoch(store: Store, { topic, id }: KnownTopic, epoch: number): Promise<number> {
  return claim(store, { topic, id: `${id}${RENEWED}${epoch}` }, await readEpochs(store));
}

/** Stands between the id of a topic that went back and the epoch that the topic had. No topic's id contains it. */
const RENEWED = ' after epoch ';

function latestOf(known: readonly Epoch[], { topic, id }: KnownTopic): number | null {
  const own = known.filter((one) => one.topic === topic && (one.id === id || one.id?.startsWith(`${id}${RENEWED}`)));
  return own.at(-1)?.epoch ?? null;
}

/** Returns the first epoch that nobody else has. */
async function claim(store: Store, { topic, id }: KnownTopic, known: readonly Epoch[]): Promise<number> {
  for (let epoch = 0, epochs = known; ; epoch++) {
    if (epoch > MAX_EPOCH) {
      throw new OperatorError(
        `ClickHouse database ${store.database}: it has used all of its ${MAX_EPOCH + 1} epochs, one for each time that ` +
          'one of its topics was recreated. Choose another CLICKHOUSE_DATABASE.',
      );
    }
    let owner = epochs.find((one) => one.epoch === epoch);
    if (owner === undefined) {
      await propose(store, { epoch, topic, id });
      epochs = await readUntilThere(store, epoch);
      owner = epochs.find((one) => one.epoch === epoch);
    }
    if (owner?.topic === topic && owner.id === id) return epoch;
  }
}

/** Rows may be older than epochs, or somebody may have deleted their epochs. Nobody knows the topic of such rows. */
async function reserveUnknown(store: Store): Promise<void> {
  const result = await store.client.query({
    query:
      'SELECT count() AS rows, toUInt32(bitShiftRight(max(_version), 48)) AS greatest FROM (' +
      ['queue_conversation_state', 'queue_visit_state']
        .map((table) => `SELECT _version FROM ${identifier(store.database)}.${table}`)
        .join(' UNION ALL ') +
      ')',
    format: 'JSONEachRow',
  });
  const [found] = await result.json<{ rows: string; greatest: number }>();
  if (found === undefined || Number(found.rows) === 0) return;
  for (let epoch = 0; epoch <= found.greatest; epoch++) await propose(store, { epoch, topic: '', id: '' });
}

async function readEpochs(store: Store): Promise<readonly Epoch[]> {
  try {
    const result = await store.client.query({
      query:
        `SELECT epoch, topic, topic_id AS id FROM ${identifier(store.database)}.queue_conversation_epochs ` +
        'ORDER BY epoch',
      format: 'JSONEachRow',
    });
    return await result.json<Epoch>();
  } catch (error) {
    if (codeOf(error) !== UNKNOWN_TABLE) throw error;
    throw new MissingError(
      `ClickHouse database ${store.database} lacks the table queue_conversation_epochs. Run ` +
        '`queuefold setup`: it brings the tables to this version.',
    );
  }
}

async function propose({ client, database }: Store, { epoch, topic, id }: Epoch): Promise<void> {
  await client.command({
    query:
      `INSERT INTO ${identifier(database)}.queue_conversation_epochs (epoch, topic, topic_id) ` +
      `SETTINGS async_insert = 0, insert_deduplicate = 1, insert_deduplication_token = 'epoch ${epoch}' ` +
      `VALUES (${epoch}, ${literal(topic)}, ${literal(id ?? '')})`,
  });
}

async function readUntilThere(store: Store, epoch: number): Promise<readonly Epoch[]> {
  const until = Date.now() + VISIBLE_WITHIN_MS;
  for (;;) {
    const epochs = await readEpochs(store);
    if (epochs.some((one) => one.epoch === epoch)) return epochs;
    if (Date.now() > until) {
      throw new OperatorError(
        `ClickHouse at ${store.where} took epoch ${epoch} of ${store.database}.queue_conversation_epochs but does not ` +
          'show it. Is this replica behind? See system.replicas.',
      );
    }
    await sleep(POLL_MS);
  }
}

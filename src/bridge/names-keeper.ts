import { type Name, NAME_KINDS, type Named, nameKey, type NameKind } from '../common';
import type { Log, LogRecord, ValueCodec } from '../log';
import type { Logger, Metrics } from '../ops';

export interface NamesKeeper {
  /**
   * Makes the names topic agree with complete lists of Genesys. It reads the topic each time and writes only new names,
   * so several bridges may do this. Kinds without a list stay as they are. `look-again`: a list lacks a name for the
   * first time; the second list decides.
   */
  keep(lists: ReadonlyMap<NameKind, readonly Named[]>): Promise<'look-again' | undefined>;
}

export interface NamesKeeperOptions {
  readonly log: Log;
  readonly topic: string;
  readonly codec: () => Promise<ValueCodec<Name>>;
  /** Names of other kinds are forgotten. */
  readonly kinds: readonly NameKind[];
  /** How long a name outlives its object: conversations of the history still show it. */
  readonly keepGoneMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Epoch ms. */
  readonly now?: () => number;
}

/** One record to write. */
interface Change {
  readonly what: 'new' | 'renamed' | 'gone' | 'back' | 'forgotten';
  readonly key: string;
  readonly kind: NameKind;
  /** Null: a tombstone. */
  readonly name: Name | null;
}

export function createNamesKeeper(options: NamesKeeperOptions): NamesKeeper {
  const { log, topic, kinds, keepGoneMs, metrics, logger, now = Date.now } = options;
  /** Keys that the last list lacked. Pages shift while they are read, so only a second miss counts. */
  const missing = new Set<string>();

  function changesOf(known: ReadonlyMap<string, Name>, lists: Parameters<NamesKeeper['keep']>[0]): readonly Change[] {
    const changes: Change[] = [];
    const listed = new Set<string>();
    for (const [kind, list] of lists) {
      for (const { id, name } of list) {
        const key = nameKey({ kind, id });
        listed.add(key);
        missing.delete(key);
        const what = name === '' ? null : changeOf(known.get(key), name);
        if (what !== null) changes.push({ what, key, kind, name: { kind, id, name, goneSince: null } });
      }
    }
    for (const [key, name] of known) {
      // Kinds of a later version of this program stay as they are.
      const kind = NAME_KINDS.find((one) => one === name.kind);
      if (kind === undefined || listed.has(key)) continue;
      if (!kinds.includes(kind)) changes.push({ what: 'forgotten', key, kind, name: null });
      else if (lists.has(kind)) changes.push(...ofMissing(key, kind, name));
    }
    return changes;
  }

  function ofMissing(key: string, kind: NameKind, name: Name): readonly Change[] {
    const { goneSince } = name;
    if (goneSince !== null) {
      return now() - goneSince > keepGoneMs ? [{ what: 'forgotten', key, kind, name: null }] : [];
    }
    if (missing.delete(key)) return [{ what: 'gone', key, kind, name: { ...name, goneSince: now() } }];
    missing.add(key);
    return [];
  }

  return {
    async keep(lists) {
      const codec = await options.codec();
      const before = new Set(missing);
      const changes = changesOf(await readNames(log, topic, codec), lists);
      const wish = [...missing].some((key) => !before.has(key)) ? 'look-again' : undefined;
      if (changes.length === 0) return wish;
      // A producer of its own: names that the log does not take must not delay events.
      const producer = await log.createProducer();
      try {
        await producer.send(
          changes.map(({ key, name }) => ({ topic, key, value: name === null ? null : codec.encode(name) })),
        );
      } finally {
        await producer.close();
      }
      const counts: Partial<Record<Change['what'], number>> = {};
      for (const { what, kind } of changes) {
        metrics.nameChanges.inc({ kind, change: what });
        counts[what] = (counts[what] ?? 0) + 1;
      }
      logger.debug({ topic, ...counts }, 'the bridge wrote changed names');
      return wish;
    },
  };
}

function changeOf(before: Name | undefined, name: string): 'new' | 'renamed' | 'back' | null {
  if (before === undefined) return 'new';
  if (before.goneSince !== null) return 'back';
  return before.name === name ? null : 'renamed';
}

/** The content of the compacted topic, by key. A record that cannot be read counts as missing and is rewritten. */
async function readNames(log: Log, topic: string, codec: ValueCodec<Name>): Promise<ReadonlyMap<string, Name>> {
  const records: LogRecord[] = [];
  const reading = await log.read({ topics: [topic], follow: false, onRecord: (record) => void records.push(record) });
  try {
    await reading.caughtUp;
  } finally {
    await reading.stop();
  }
  await codec.prepare(records.map(({ value }) => value));
  const names = new Map<string, Name>();
  for (const { key, value } of records) {
    const decoded = value === null ? null : codec.decode(value);
    if (key === null) continue;
    if (decoded?.ok === true) names.set(key.toString(), decoded.value);
    else names.delete(key.toString());
  }
  return names;
}

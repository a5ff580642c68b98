import type { CommunicationSnapshot, CommunicationVersion } from '../conversation';
import {
  createChangelogCodec,
  createEventReader,
  createRowCodec,
  type Log,
  type LogRecord,
  type SchemaSource,
  type TopicNames,
  type ValueCodec,
} from '../log';

/** A topic that knows something of conversations. Its keys are their ids. */
interface ErasableTopic {
  readonly topic: string;
  /** Resolves when the schemas of these values are known; null: they are known already. */
  prepare(values: Iterable<Buffer | null>): Promise<void> | null;
  /** Every address in a value; none of a value that cannot be read. */
  addressesOf(value: Buffer): Iterable<string | null>;
}

/**
 * THE list of the topics that know something of conversations. A new topic belongs here, and a new table in
 * src/store/erasure.ts. Visits have keys of their own: visits.ts. (A dead letter has an id at most, and nothing
 * personal.)
 */
async function erasableTopics(schemas: SchemaSource, topics: TopicNames): Promise<readonly ErasableTopic[]> {
  const [events, rows, changelog] = await Promise.all([
    createEventReader(schemas, topics),
    createRowCodec(schemas, topics),
    createChangelogCodec(schemas, topics),
  ]);
  return [
    erasable(topics.events, events, ({ participants }) =>
      participants.flatMap(({ communications }) => communications.flatMap(addressesOfLeg)),
    ),
    erasable(topics.state, rows, ({ ani, dnis }) => [ani, dnis]),
    erasable(topics.changelog, changelog, ({ state }) =>
      state?.kind !== 'open'
        ? []
        : state.participants.flatMap(({ communications }) =>
            communications.flatMap(({ versions }) => versions.flatMap(addressesOfLeg)),
          ),
    ),
  ];
}

function erasable<T>(
  topic: string,
  { prepare, decode }: ValueCodec<T>,
  addresses: (value: T) => Iterable<string | null>,
): ErasableTopic {
  return {
    topic,
    prepare,
    addressesOf: (bytes) => {
      const decoded = decode(bytes);
      return decoded.ok ? addresses(decoded.value) : [];
    },
  };
}

function addressesOfLeg(leg: CommunicationSnapshot | CommunicationVersion): readonly (string | null)[] {
  return [leg.self, leg.other, leg.fromAddress, leg.toAddress, leg.callbackNumber];
}

export interface SearchOptions {
  readonly log: Pick<Log, 'read'>;
  readonly schemas: SchemaSource;
  readonly topics: TopicNames;
  readonly wanted: Wanted;
  readonly onTopic: (topic: string) => void;
}

export type Wanted = { readonly ids: ReadonlySet<string> } | { readonly matches: (address: string) => boolean };

/** Reads the topics to their ends. Returns where each wanted conversation has a record other than a tombstone. */
export async function searchTopics(options: SearchOptions): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const { log, schemas, topics, wanted, onTopic } = options;
  const found = new Map<string, Set<string>>();
  for (const one of await erasableTopics(schemas, topics)) {
    onTopic(one.topic);
    const note = (id: string): void => {
      const places = found.get(id) ?? new Set();
      found.set(id, places.add(one.topic));
    };
    await readAll(log, one, (id, value) => {
      if ('ids' in wanted ? wanted.ids.has(id) : hasMatch(one.addressesOf(value), wanted.matches)) note(id);
    });
  }
  return found;
}

function hasMatch(addresses: Iterable<string | null>, matches: (address: string) => boolean): boolean {
  for (const address of addresses) if (address !== null && matches(address)) return true;
  return false;
}

/** Records wait for a schema that the registry has yet to give. Their order does not matter. */
async function readAll(
  log: Pick<Log, 'read'>,
  { topic, prepare }: ErasableTopic,
  onValue: (id: string, value: Buffer) => void,
): Promise<void> {
  const waiting: Promise<void>[] = [];
  const reading = await log.read({
    topics: [topic],
    follow: false,
    onRecord: ({ key, value }: LogRecord) => {
      // The changelog's checkpoint has the empty key.
      if (value === null || key === null || key.length === 0) return;
      const known = prepare([value]);
      if (known === null) onValue(key.toString(), value);
      else waiting.push(known.then(() => onValue(key.toString(), value)));
    },
  });
  try {
    await reading.caughtUp;
    await Promise.all(waiting);
  } finally {
    await reading.stop();
  }
}

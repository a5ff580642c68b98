import type { Checkpoint, LogRecord, TopicMark, Topology } from '../port';
import type { Backend } from './backend';
import { topicsOf } from './co-partitioned';
import { digestOf } from './digest';
import { markOf, type Found } from './losses';

const NOTHING = { beginning: 0, end: 0 };

/** Reads the state of everything that a task builds on. Call it only after fencing: then nobody else changes it. */
export async function lookAround(
  backend: Backend,
  topology: Topology,
  partition: number,
  checkpoint: Checkpoint | null,
): Promise<Found> {
  const [topics, [offsets], changelogPolicy] = await Promise.all([
    marksOf(backend, topology, partition),
    backend.groupOffsets(topology.group, topology.input, [partition]),
    backend.cleanupPolicy(topology.changelog),
  ]);
  const committed = offsets?.committedOffset ?? null;
  const isFirst = checkpoint === null && committed === null;
  return {
    ...{ topology, partition, topics, changelogPolicy, committed, checkpoint },
    strangeTopic: isFirst ? await findStrange(backend, topology, topics, partition) : null,
    lastRecord: await lookForLast(backend, markOf(topics, topology.input), partition, checkpoint),
  };
}

async function marksOf(backend: Backend, topology: Topology, partition: number): Promise<readonly TopicMark[]> {
  const facts = await backend.topics(topicsOf(topology));
  return Promise.all(
    [...facts].map(async ([topic, fact]) => {
      const bounds = partition < fact.partitions ? await backend.bounds(topic, partition) : NOTHING;
      return { topic, ...fact, ...bounds };
    }),
  );
}

/** A fold that begins for the first time is the first writer of its changelog and its tables, so they must be empty. */
async function findStrange(
  backend: Backend,
  { changelog, tables }: Topology,
  topics: readonly TopicMark[],
  partition: number,
): Promise<string | null> {
  for (const topic of [changelog, ...tables]) {
    const { beginning, end } = markOf(topics, topic);
    // Aborted transactions leave offsets without records.
    if (beginning > 0 || (await hasRecords(backend, { topic, partition, from: beginning, to: end }))) return topic;
  }
  return null;
}

async function hasRecords(backend: Backend, range: Parameters<Backend['readRange']>[0]): Promise<boolean> {
  let found = false;
  await backend.readRange(
    range,
    () => (found = true),
    () => found,
  );
  return found;
}

async function lookForLast(
  backend: Backend,
  { topic, beginning, end }: TopicMark,
  partition: number,
  checkpoint: Checkpoint | null,
): Promise<Found['lastRecord']> {
  const last = checkpoint?.last ?? null;
  if (last === null || last.offset < beginning || last.offset >= end) return 'unknown';
  const records: LogRecord[] = [];
  const { offset } = last;
  await backend.readRange(
    { topic, partition, from: offset, to: offset + 1 },
    (record) => records.push(record),
    () => false,
  );
  const record = records.find((one) => one.offset === offset);
  return record !== undefined && digestOf(record).equals(last.digest) ? 'same' : 'moved';
}

import { OperatorError } from '../../common';
import type { Topology } from '../port';

/**
 * A task writes to the partition number it reads from: all its topics need the same number of partitions.
 * @throws OperatorError that names topics, counts and the remedy
 */
export function checkCoPartitioned(topology: Topology, partitionsOf: (topic: string) => number): void {
  const topics = [...new Set([topology.input, topology.changelog, ...topology.outputs])];
  const counts = topics.map((topic) => ({ topic, partitions: partitionsOf(topic) }));
  if (counts.every(({ partitions }) => partitions === counts[0]?.partitions)) return;
  const list = counts.map(({ topic, partitions }) => `${topic} has ${partitions}`).join(', ');
  throw new OperatorError(
    `Partition counts differ: ${list}. A task reads and writes the same partition number, so they must be equal. ` +
      `Counts cannot be changed in place: use a new TOPIC_PREFIX, run \`queuefold setup\` and replay.`,
  );
}

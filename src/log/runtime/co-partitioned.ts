import { OperatorError } from '../../common';
import type { Topology } from '../port';

/**
 * A task writes to the partition number that it reads from, so all its topics need the same number of partitions.
 * @throws OperatorError that names topics, counts and the remedy
 */
export function checkCoPartitioned(topology: Topology, partitionsOf: (topic: string) => number): void {
  const problem = differingCounts(topicsOf(topology).map((topic) => ({ topic, partitions: partitionsOf(topic) })));
  if (problem !== null) throw new OperatorError(problem);
}

/** Why the counts are wrong, with the remedy; null: all are equal. */
export function differingCounts(
  counts: readonly { readonly topic: string; readonly partitions: number }[],
): string | null {
  if (counts.every(({ partitions }) => partitions === counts[0]?.partitions)) return null;
  const list = counts.map(({ topic, partitions }) => `${topic} has ${partitions}`).join(', ');
  return (
    `The topics have different numbers of partitions: ${list}. A task reads and writes the same partition, so they must be equal. ` +
    'If somebody created one of them with a wrong number, delete that one and run `queuefold setup` with the PARTITIONS of ' +
    `the others. Otherwise use a new TOPIC_PREFIX ("More partitions" in docs/how-to/scale.md).`
  );
}

/** Each topic once. */
export function topicsOf({ input, changelog, outputs }: Topology): readonly string[] {
  return [...new Set([input, changelog, ...outputs])];
}

import type { Topology } from '../port';

/** One transactional id an input partition, the same whoever owns it: the epoch behind it is what fences. */
export function transactionalIdOf({ group, input }: Topology, partition: number): string {
  return `${group}-${input}-${partition}`;
}

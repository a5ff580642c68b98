import type { Topology } from '../port';

/** One transactional id for each input partition, the same for every owner: its epoch does the fencing. */
export function transactionalIdOf({ group, input }: Topology, partition: number): string {
  return `${group}-${input}-${partition}`;
}

import { type Named, UsageError } from '../../common';
import type { Urgency } from '../rest/budget';
import { listAll } from '../rest/listing';
import type { Rest } from '../rest/rest';
import { NAME_LISTS } from './name-lists';

export type GenesysQueue = Named;

/** All queues that the client may see (permission routing:queue:view). */
export function listQueues(rest: Rest, urgency: Urgency = 'now'): Promise<readonly GenesysQueue[]> {
  return listAll(rest, NAME_LISTS.queue.route, urgency);
}

/**
 * The queues that `QUEUES` means: ids, names (in any case of letters) or `*`.
 * @throws UsageError that names whatever matches no queue
 */
export function selectQueues(all: readonly GenesysQueue[], wanted: readonly string[]): readonly GenesysQueue[] {
  const seen = `${all.length === 1 ? '1 queue is' : `${all.length} queues are`} visible to this client`;
  if (all.length === 0) {
    throw new UsageError(
      'QUEUES: no queue is visible to this client. Does its role have routing:queue:view, in the divisions of the queues?',
    );
  }
  if (wanted.includes('*')) return all;
  const chosen = new Map<string, GenesysQueue>();
  const unknown: string[] = [];
  for (const given of wanted) {
    const matches = matching(all, given);
    if (matches.length === 0) unknown.push(given);
    for (const queue of matches) chosen.set(queue.id, queue);
  }
  if (unknown.length > 0) {
    const names = unknown.map((one) => JSON.stringify(one)).join(', ');
    throw new UsageError(
      `QUEUES: ${names}: no queue has that id or name (${seen}). Allowed: ids, names, or * for all.`,
    );
  }
  return [...chosen.values()];
}

/** The queues with this id or name. If there are none, those whose name differs only in letter case. */
export function matching(all: readonly GenesysQueue[], given: string): readonly GenesysQueue[] {
  const exact = all.filter(({ id, name }) => id === given || name === given);
  if (exact.length > 0) return exact;
  const folded = given.toLowerCase();
  return all.filter(({ id, name }) => id.toLowerCase() === folded || name.toLowerCase() === folded);
}

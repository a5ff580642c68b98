import { isInShard, type Shard } from '../shards';
import { matching, selectQueues, type GenesysQueue } from './queues';

/** What has changed since the last look at the list of queues. */
export interface QueueChanges {
  readonly added: readonly GenesysQueue[];
  readonly removed: readonly GenesysQueue[];
  readonly renamed: readonly { readonly queue: GenesysQueue; readonly before: string }[];
  /** The values of `QUEUES` that match no queue any more, and whose former queues are all gone. */
  readonly unmatched: readonly string[];
}

/** The queues that a bridge listens to, updated with each list of all queues. */
export interface QueueWatch {
  queues(): ReadonlyMap<string, GenesysQueue>;
  /**
   * Takes a list of all queues. The first list must match all values of `QUEUES`.
   * @throws UsageError that names what matches no queue (the first time), or that no queue is visible
   */
  look(all: readonly GenesysQueue[]): QueueChanges;
}

/**
 * A queue is dropped when two lists in a row lack it: pages shift while they are read. One that was chosen by a name
 * and is renamed stays: it is the same queue, and `QUEUES` may not be editable at once.
 */
export function watchQueues(wanted: readonly string[], shard: Shard): QueueWatch {
  let queues = new Map<string, GenesysQueue>();
  const missing = new Set<string>();
  const matched = new Map<string, readonly string[]>();
  let isFirst = true;

  function choose(all: readonly GenesysQueue[]): { chosen: Map<string, GenesysQueue>; unmatched: string[] } {
    const chosen = new Map<string, GenesysQueue>();
    const unmatched: string[] = [];
    const byId = new Map(all.map((queue) => [queue.id, queue]));
    for (const given of wanted) {
      const found = given === '*' ? all : matching(all, given);
      const before = (matched.get(given) ?? []).flatMap((id) => byId.get(id) ?? []);
      const those = found.length > 0 ? found : before;
      if (those.length === 0) unmatched.push(given);
      else
        matched.set(
          given,
          those.map(({ id }) => id),
        );
      for (const queue of those) chosen.set(queue.id, queue);
    }
    return { chosen, unmatched };
  }

  function look(all: readonly GenesysQueue[]): QueueChanges {
    if (isFirst || all.length === 0) selectQueues(all, wanted);
    const { chosen, unmatched } = choose(all);
    isFirst = false;
    const next = new Map([...chosen].filter(([id]) => isInShard(id, shard)));
    const added = [...next.values()].filter(({ id }) => !queues.has(id));
    const renamed = [...next.values()].flatMap((queue) => {
      const before = queues.get(queue.id)?.name;
      return before === undefined || before === queue.name ? [] : { queue, before };
    });
    const removed: GenesysQueue[] = [];
    for (const queue of queues.values()) {
      if (next.has(queue.id)) missing.delete(queue.id);
      else if (missing.delete(queue.id)) removed.push(queue);
      else {
        missing.add(queue.id);
        next.set(queue.id, queue);
      }
    }
    queues = next;
    return { added, removed, renamed, unmatched };
  }

  return { queues: () => queues, look };
}

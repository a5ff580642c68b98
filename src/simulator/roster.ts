import type { Random } from './random';
import { createRandom } from './random';

/** A queue, a user or a skill, as in lists of the organization. */
export interface Named {
  readonly id: string;
  readonly name: string;
}

export type Queue = Named;

export interface RosterOptions {
  readonly seed: number;
  readonly queues?: number | undefined;
  readonly agents?: number | undefined;
}

export type Roster = ReturnType<typeof createRoster>;

/** Keeps the ids of later queues apart from those of conversations. */
const ADDED_QUEUES = 0x71_75_65_75;

/**
 * The queues, people and skills of the organization. Queues come, get new names and go while it runs; the lists are
 * live.
 */
export function createRoster(random: Random, { seed, queues: queueCount = 5, agents: agentCount = 20 }: RosterOptions) {
  const many = (length: number, what: string): Named[] =>
    Array.from({ length }, (_, index) => ({ id: random.uuid(), name: `${what} ${index + 1}` }));
  const queues = many(queueCount, 'Queue');
  const agents = many(agentCount, 'Agent');
  const supervisors = many(3, 'Supervisor');
  const skills = many(6, 'Skill');
  const queueIds = queues.map(({ id }) => id);
  let added = 0;

  const placeOf = (id: string): number => queueIds.indexOf(id);

  return {
    queues: queues as readonly Queue[],
    users: [...agents, ...supervisors] as readonly Named[],
    skills: skills as readonly Named[],
    queueIds: queueIds as readonly string[],
    agentIds: agents.map(({ id }) => id),
    supervisorIds: supervisors.map(({ id }) => id),
    skillIds: skills.map(({ id }) => id),
    hasQueue: (id: string): boolean => placeOf(id) >= 0,
    queueName: (id: string): string | null => queues[placeOf(id)]?.name ?? null,

    addQueue(name: string): Queue {
      const queue = { id: createRandom(seed, ADDED_QUEUES, (added += 1)).uuid(), name };
      queues.push(queue);
      queueIds.push(queue.id);
      return queue;
    },

    /** Null: there is no such queue. */
    renameQueue(id: string, name: string): Queue | null {
      const place = placeOf(id);
      if (place < 0) return null;
      return (queues[place] = { id, name });
    },

    /** False: there is no such queue. The last queue stays, because calls need one. */
    removeQueue(id: string): boolean {
      const place = placeOf(id);
      if (place < 0) return false;
      if (queues.length === 1) throw new RangeError(`queue ${id}: the last queue cannot be removed; add another first`);
      queues.splice(place, 1);
      queueIds.splice(place, 1);
      return true;
    },
  };
}

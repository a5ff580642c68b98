import { requireInternal, type KafkajsError } from '../internals';

type Call = (this: object, request: unknown) => Promise<unknown>;
interface Lookup {
  readonly groupId: string;
  readonly coordinatorType?: number;
}
interface Coordinator {
  isConnected(): boolean;
}
interface Cluster {
  findGroupCoordinator(lookup: Lookup): Promise<Coordinator>;
}

/** Every request that only a coordinator answers. */
const CALLS = [
  'joinGroup',
  'syncGroup',
  'heartbeat',
  'leaveGroup',
  'offsetCommit',
  'offsetFetch',
  'initProducerId',
  'addPartitionsToTxn',
  'addOffsetsToTxn',
  'txnOffsetCommit',
  'endTxn',
] as const;
/** kafkajs's names of the errors 14, 15 and 16. */
const MOVED = new Set(['GROUP_LOAD_IN_PROGRESS', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR_FOR_GROUP']);

/**
 * R6: a transaction asks four times for its coordinators (`cluster.findGroupCoordinator` remembers nothing): 1 ms of
 * it. Repair: remember both coordinators of each client. Forget a broker's roles as soon as it says that it is not (or
 * not yet) the coordinator, or when its connection is gone.
 */
export function repairCoordinatorLookups(): void {
  /** How often a broker has disowned a role; roles remembered before that are void. */
  const disowned = new WeakMap<object, number>();
  const broker = (requireInternal('broker') as { prototype: Record<(typeof CALLS)[number], Call> }).prototype;
  for (const name of CALLS) {
    const stock = broker[name];
    broker[name] = async function (request) {
      try {
        return await stock.call(this, request);
      } catch (error) {
        if (MOVED.has((error as KafkajsError).type ?? '')) disowned.set(this, (disowned.get(this) ?? 0) + 1);
        throw error;
      }
    };
  }

  const known = new WeakMap<object, Map<string, { coordinator: Coordinator; at: number | undefined }>>();
  const cluster = (requireInternal('cluster') as { prototype: Cluster }).prototype;
  const find = cluster.findGroupCoordinator;
  cluster.findGroupCoordinator = async function (lookup) {
    let mine = known.get(this);
    if (mine === undefined) {
      mine = new Map();
      known.set(this, mine);
    }
    const id = `${lookup.coordinatorType ?? 0} ${lookup.groupId}`;
    const hit = mine.get(id);
    if (hit?.coordinator.isConnected() === true && disowned.get(hit.coordinator) === hit.at) return hit.coordinator;
    const coordinator = await find.call(this, lookup);
    mine.set(id, { coordinator, at: disowned.get(coordinator) });
    return coordinator;
  };
}

import type { TaskState } from '../port';

/**
 * The life of one partition's task, as in Kafka Streams' `KafkaStreams.State`: states and their allowed successors.
 *
 *     ASSIGNED ──▶ FENCING ──▶ RESTORING ──▶ RUNNING
 *        │         ▲  │ ▲          │            │
 *        │         └──┘ └──────────┴────────────┤   an error: the outcome is unknown, so read the truth again
 *        ▼            ▼            ▼            ▼
 *      CLOSED ◀───────┴────────────┴────────────┘   revoked, stopped, fenced by a newer owner, or a fatal error
 *
 * Do not break: the task's state and offset are complete only by a read after FENCING, for only then can no older owner add
 * to what was read. A standby copy (standby.ts) has read before; the rest is read then.
 */
export const SUCCESSORS: Readonly<Record<TaskState, readonly TaskState[]>> = {
  ASSIGNED: ['FENCING', 'CLOSED'],
  FENCING: ['FENCING', 'RESTORING', 'CLOSED'],
  RESTORING: ['RUNNING', 'FENCING', 'CLOSED'],
  RUNNING: ['FENCING', 'CLOSED'],
  CLOSED: [],
};

export interface TaskStateMachine {
  current(): TaskState;
  /** @throws Error when the successor is not allowed: a bug of the runtime */
  enter(next: TaskState): void;
}

export function createTaskState(onChange: (from: TaskState | null, to: TaskState) => void): TaskStateMachine {
  let state: TaskState = 'ASSIGNED';
  onChange(null, state);
  return {
    current: () => state,
    enter(next) {
      if (!SUCCESSORS[state].includes(next)) throw new Error(`task state: ${state} may not become ${next}`);
      const from = state;
      state = next;
      onChange(from, next);
    },
  };
}

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
 * Do not break: only a read after FENCING completes the task's state and offset, because only then can no older owner
 * add to the data that was read. A standby copy (standby.ts) has read before, and reads the rest then.
 */
const SUCCESSORS: Readonly<Record<TaskState, readonly TaskState[]>> = {
  ASSIGNED: ['FENCING', 'CLOSED'],
  FENCING: ['FENCING', 'RESTORING', 'CLOSED'],
  RESTORING: ['RUNNING', 'FENCING', 'CLOSED'],
  RUNNING: ['FENCING', 'CLOSED'],
  CLOSED: [],
};

export interface TaskStateMachine {
  current(): TaskState;
  /** @throws Error if the successor is not allowed: a bug of the runtime */
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

import type { LogRecord } from '../port';
import type { PartitionLog } from './partition-log';

/** Reads a partition in order and hands records over in a turn of its own, never within the caller's. */
export interface Cursor {
  pause(): void;
  resume(): void;
  position(): number;
  close(): void;
}

/** The size of one delivery; a pause takes effect between two. */
const DELIVER_RECORDS = 2_000;

export function createCursor(
  log: PartitionLog,
  from: number,
  deliver: (records: readonly LogRecord[], nextOffset: number) => void,
): Cursor {
  let position = from;
  let isPaused = false;
  let isClosed = false;
  let isScheduled = false;

  const pump = (): void => {
    isScheduled = false;
    while (!isPaused && !isClosed && position < log.end()) {
      const records = log.slice(position, DELIVER_RECORDS);
      // No records: compaction has removed the rest.
      position = (records.at(-1)?.offset ?? log.end() - 1) + 1;
      deliver(records, position);
    }
  };
  const schedule = (): void => {
    if (isScheduled || isPaused || isClosed) return;
    isScheduled = true;
    queueMicrotask(pump);
  };

  const unsubscribe = log.onAppend(schedule);
  schedule();
  return {
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      schedule();
    },
    position: () => position,
    close() {
      isClosed = true;
      unsubscribe();
    },
  };
}

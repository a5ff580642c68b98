import { OperatorError } from './errors';

/**
 * The limits at which a task or a sink stops, so that it does not send its whole topic to the dead letters (as DlqLimit
 * in Sentry's arroyo).
 */
export interface DeadLetterLimits {
  /** How many unreadable records in a row; 0: no limit. */
  readonly maxConsecutive: number;
  /** Which part of the last 1,000 records; 0: no limit. */
  readonly maxRatio: number;
}

const WINDOW = 1_000;
/** If every other record of a topic is unreadable, its producer is wrong, not a few records. */
const MAX_RATIO = 0.5;

/** @param maxConsecutive `DLQ_MAX_CONSECUTIVE`; 0: neither of the two limits */
export function deadLetterLimits(maxConsecutive: number): DeadLetterLimits {
  return { maxConsecutive, maxRatio: maxConsecutive === 0 ? 0 : MAX_RATIO };
}

export interface DeadLetterLimit {
  readable(): void;
  /** @returns why to stop; null: go on */
  unreadable(offset: number): DeadLetterStop | null;
}

export interface DeadLetterStop {
  readonly why: string;
  /** The offset of the first such record. */
  readonly firstOffset: number;
}

/** @param cannot completes "these records cannot", e.g. "be read" */
export function tooManyDeadLetters(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  { why, firstOffset }: DeadLetterStop,
  { reason, message, cannot }: { readonly reason: string; readonly message: string; readonly cannot: string },
): OperatorError {
  return new OperatorError(
    `${topic}[${partition}]: ${why} cannot ${cannot}, the first at offset ${firstOffset} (${reason}: ${message}). ` +
      'The process stopped before the whole topic became dead letters. Remove the cause (a wrong producer or schema registry?), ' +
      'or set DLQ_MAX_CONSECUTIVE=0 to send them to the dead letters.',
  );
}

export function createDeadLetterLimit({ maxConsecutive, maxRatio }: DeadLetterLimits): DeadLetterLimit {
  /** Offsets of the last records that could not be read; null for one that could. */
  const window: (number | null)[] = [];
  let place = 0;
  let unreadableInWindow = 0;
  let consecutive = 0;
  let firstOfRow = 0;

  const remember = (offset: number | null): void => {
    if ((window[place] ?? null) !== null) unreadableInWindow--;
    if (offset !== null) unreadableInWindow++;
    window[place] = offset;
    place = (place + 1) % WINDOW;
  };

  return {
    readable: () => {
      consecutive = 0;
      remember(null);
    },
    unreadable: (offset) => {
      if (consecutive === 0) firstOfRow = offset;
      consecutive++;
      remember(offset);
      if (maxConsecutive > 0 && consecutive >= maxConsecutive) {
        return { why: `${consecutive} records in a row`, firstOffset: firstOfRow };
      }
      if (maxRatio > 0 && window.length === WINDOW && unreadableInWindow >= maxRatio * WINDOW) {
        const firstOffset = Math.min(...window.filter((each) => each !== null));
        return { why: `${unreadableInWindow} of the last ${WINDOW} records`, firstOffset };
      }
      return null;
    },
  };
}

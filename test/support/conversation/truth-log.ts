import { isDeepStrictEqual } from 'node:util';
import {
  createPartitionFold,
  DEFAULT_FOLD_SETTINGS,
  type StateRecord,
  DEFAULT_LIMITS,
} from '../../../src/conversation';
import { normaliseConversation } from '../../../src/conversation/normalise';
import { generateEvents, type GeneratorOptions, type TruthRow } from '../../../src/simulator';

/** What the simulator knows of a conversation from an instant on; null: it deserves no row. */
export interface TruthStep {
  readonly at: number;
  readonly id: string;
  readonly row: TruthRow | null;
  /** The snapshot that was sent then. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Of the step before it; null: none, or no row. */
  readonly before: TruthRow | null;
  /** Its end; Infinity: it still holds. */
  until: number;
}

export interface TruthLog {
  readonly steps: readonly TruthStep[];
  /** What the fold makes of the same events. */
  readonly records: readonly StateRecord[];
  /** The time of the last event. */
  readonly now: number;
}

/** The simulator's own knowledge after each event, without the fold, and beside it what the fold says. */
export function truthLog(options: GeneratorOptions, events: number): TruthLog {
  const stream = generateEvents(options);
  const partition = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  const last = new Map<string, TruthStep>();
  const steps: TruthStep[] = [];
  const records: StateRecord[] = [];
  let now = 0;
  for (const { at, sequence, conversationId: id, frame } of stream) {
    if (id === null) continue;
    const outcome = normaliseConversation(frame.eventBody, at, 'websocket', DEFAULT_LIMITS);
    if (outcome.kind !== 'event') throw new Error(`a generated event is ${outcome.kind}`);
    records.push(...partition.apply(outcome.event).records);
    now = at;
    const row = stream.truthOf(id);
    const previous = last.get(id);
    if (!isDeepStrictEqual(row, previous?.row ?? null)) {
      if (previous !== undefined) previous.until = at;
      const step = { at, id, row, body: frame.eventBody, before: previous?.row ?? null, until: Infinity };
      last.set(id, step);
      steps.push(step);
    }
    if (sequence >= events) break;
  }
  return { steps, records, now };
}

import { isDeepStrictEqual } from 'node:util';
import {
  createPartitionFold,
  DEFAULT_FOLD_SETTINGS,
  DEFAULT_LIMITS,
  normaliseConversation,
  type QueueVisit,
  type StateRecord,
} from '../../../src/conversation';
import { generateEvents, type GeneratorOptions, type TruthRow, type TruthVisit } from '../../../src/simulator';

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
  /** What the simulator knows of each visit at the end. */
  readonly visits: readonly TruthVisit[];
  /** The versions of visits that the fold makes of the same events, in the order of the log. */
  readonly visitRecords: readonly QueueVisit[];
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
  const visits = new Map<string, readonly TruthVisit[]>();
  const visitRecords: QueueVisit[] = [];
  let now = 0;
  for (const { at, sequence, conversationId: id, frame } of stream) {
    if (id === null) continue;
    const outcome = normaliseConversation(frame.eventBody, at, 'websocket', DEFAULT_LIMITS);
    if (outcome.kind !== 'event') throw new Error(`a generated event is ${outcome.kind}`);
    const folded = partition.apply(outcome.event);
    records.push(...folded.records);
    visitRecords.push(...folded.visits.map(({ visit }) => visit));
    visits.set(id, stream.visitsOf(id));
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
  return { steps, records, visits: [...visits.values()].flat(), visitRecords, now };
}

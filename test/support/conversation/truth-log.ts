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

/** The simulator's truth about a conversation from an instant on; null: no row. */
export interface TruthStep {
  readonly at: number;
  readonly id: string;
  readonly row: TruthRow | null;
  /** The snapshot sent at that instant. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The row of the previous step; null: none, or no row. */
  readonly before: TruthRow | null;
  /** Its end; Infinity: it is still true. */
  until: number;
}

export interface TruthLog {
  readonly steps: readonly TruthStep[];
  /** The records that the fold writes for the same events. */
  readonly records: readonly StateRecord[];
  /** The simulator's truth about each visit at the end. */
  readonly visits: readonly TruthVisit[];
  /** The versions of visits that the fold writes for the same events, in the log's order. */
  readonly visitRecords: readonly QueueVisit[];
  /** The time of the last event. */
  readonly now: number;
}

/** The simulator's truth after each event, without the fold, and the fold's output for comparison. */
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

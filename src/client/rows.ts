import {
  type Columns,
  type QUEUE_CONVERSATION,
  type QUEUE_VISIT,
  type QueueConversation as StateRow,
  type QueueVisit as VisitRow,
  type RowOf,
  TIME_COLUMNS,
  VISIT_TIMES,
} from '../conversation';
import type { QueueConversation, QueueVisit } from './types';

/** Converts rows of the topics, with epoch ms, into rows for programs, with Dates. */

export function toConversation(row: StateRow): QueueConversation {
  return withDates<typeof QUEUE_CONVERSATION>(row, TIME_COLUMNS);
}

export function toVisit(visit: VisitRow): QueueVisit {
  return withDates<typeof QUEUE_VISIT>(visit, VISIT_TIMES);
}

function withDates<Of extends Columns>(row: RowOf<Of, number>, times: ReadonlySet<string>): RowOf<Of, Date> {
  const dated: Record<string, unknown> = { ...row };
  for (const column of times) {
    const epochMs = dated[column];
    if (typeof epochMs === 'number') dated[column] = new Date(epochMs);
  }
  return dated as RowOf<Of, Date>;
}

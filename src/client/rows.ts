import type { QueueConversation as StateRow, QueueVisit as VisitRow } from '../conversation';
import type { QueueConversation, QueueVisit } from './types';

/** Rows as the topics have them, with epoch ms, into rows for programs, with Dates. */

export function toConversation(row: StateRow): QueueConversation {
  return {
    ...row,
    db_last_updated: new Date(row.db_last_updated),
    db_when_created: new Date(row.db_when_created),
    connected_time: new Date(row.connected_time),
    queue_connected_time: new Date(row.queue_connected_time),
  };
}

export function toVisit(visit: VisitRow): QueueVisit {
  return {
    ...visit,
    entered_time: new Date(visit.entered_time),
    left_time: dateOf(visit.left_time),
    answered_time: dateOf(visit.answered_time),
    agent_left_time: dateOf(visit.agent_left_time),
    db_last_updated: new Date(visit.db_last_updated),
  };
}

function dateOf(epochMs: number | null): Date | null {
  return epochMs === null ? null : new Date(epochMs);
}

type Columns<Row, Column extends keyof Row> = readonly Column[];

/** The public types have every column of the topics: else this does not compile. */
export type AllColumns = Columns<QueueConversation, keyof StateRow> | Columns<QueueVisit, keyof VisitRow>;

import { pino } from 'pino';
import type { QueueConversation, QueueVisit } from '../../../src/conversation';
import { createMetrics, type Metrics } from '../../../src/ops';
import {
  createVisitWriter,
  createWriter,
  type Store,
  type StoreRow,
  type VisitRow,
  type Writer,
  type WriterOptions,
} from '../../../src/store';

export const QUIET = pino({ level: 'silent' });
export const NOON = Date.UTC(2026, 2, 1, 12);

/** A conversation that waits for an agent, with the given differences. */
export function aRow(differences: Partial<QueueConversation> = {}): QueueConversation {
  return {
    conversation_id: 'c1',
    db_last_updated: NOON + 5_000,
    db_when_created: NOON,
    connected_time: NOON - 1_000,
    queue_id: 'q1',
    session_id: 's1',
    media_type: 'Voice',
    purpose: 'acd',
    state: 'connected',
    direction: 'inbound',
    participant_id: 'p1',
    user_id: null,
    ani: 'tel:+35312345678',
    dnis: 'tel:+35387654321',
    provider: 'Edge',
    subject: null,
    message_type: null,
    message_status: null,
    routing_skill_id: null,
    disconnect_type: null,
    acw_state: null,
    communication_id: 's1',
    queue_connected_time: NOON - 500,
    waiting: true,
    ...differences,
  };
}

export function upsert(offset: number, differences: Partial<QueueConversation> = {}, partition = 0): StoreRow {
  return { kind: 'row', row: aRow(differences), partition, offset };
}

export function tombstone(offset: number, conversationId = 'c1', partition = 0): StoreRow {
  return { kind: 'tombstone', conversationId, timestamp: NOON + 9_000, partition, offset };
}

/** A visit that still waits, with the given differences. */
export function aVisit(differences: Partial<QueueVisit> = {}): QueueVisit {
  return {
    conversation_id: 'c1',
    participant_id: 'p1',
    queue_id: 'q1',
    media_type: 'Voice',
    direction: 'inbound',
    consult: false,
    entered_time: NOON,
    left_time: null,
    outcome: 'waiting',
    disconnect_type: null,
    routing_skill_id: null,
    offers: 0,
    offers_missed: 0,
    answered_time: null,
    user_id: null,
    agent_participant_id: null,
    agent_communication_id: null,
    agent_left_time: null,
    db_last_updated: NOON + 500,
    ...differences,
  };
}

/** In the log's order. */
export function visitRows(visits: readonly QueueVisit[], partition = 0): VisitRow[] {
  return visits.map((visit, offset) => ({ visit, partition, offset }));
}

export function visitRow(offset: number, differences: Partial<QueueVisit> = {}, partition = 0): VisitRow {
  return { visit: aVisit(differences), partition, offset };
}

/** Stores the rows with one INSERT; none may be refused. */
export async function putVisits(store: Store, rows: readonly VisitRow[], epoch = 0): Promise<void> {
  const writer = createVisitWriter({
    store,
    metrics: createMetrics(),
    logger: QUIET,
    epoch,
    backOff: { firstMs: 1, maxMs: 5 },
  });
  const refusals = await writer.insert(rows, new AbortController().signal);
  if (refusals.length > 0) throw refusals[0]?.error;
}

export interface TestWriter extends Writer {
  readonly metrics: Metrics;
  readonly refused: StoreRow[];
  put(...rows: readonly StoreRow[]): Promise<void>;
}

export function writerInto(store: Store, options: Partial<WriterOptions> = {}): TestWriter {
  const metrics = createMetrics();
  const refused: StoreRow[] = [];
  const writer = createWriter({
    store,
    metrics,
    logger: QUIET,
    backOff: { firstMs: 1, maxMs: 5 },
    ...options,
  });
  return {
    insert: (...insert) => writer.insert(...insert),
    state: () => writer.state(),
    metrics,
    refused,
    put: async (...rows) => {
      const refusals = await writer.insert(rows, new AbortController().signal);
      refused.push(...rows.filter((_, at) => refusals.some(({ index }) => index === at)));
    },
  };
}

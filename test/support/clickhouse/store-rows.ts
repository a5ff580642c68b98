import { pino } from 'pino';
import type { QueueConversation } from '../../../src/conversation';
import { createMetrics, type Metrics } from '../../../src/ops';
import { createWriter, type Store, type StoreRow, type Writer, type WriterOptions } from '../../../src/store';

export const QUIET = pino({ level: 'silent' });
const NOON = Date.UTC(2026, 2, 1, 12);

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
    ...writer,
    metrics,
    refused,
    put: async (...rows) => {
      const refusals = await writer.insert(rows, new AbortController().signal);
      refused.push(...rows.filter((_, at) => refusals.some(({ index }) => index === at)));
    },
  };
}

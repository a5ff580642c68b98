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
import { aRow, aVisit, NOON } from '../conversation/rows';

export const QUIET = pino({ level: 'silent' });
export function upsert(offset: number, differences: Partial<QueueConversation> = {}, partition = 0): StoreRow {
  return { kind: 'row', row: aRow(differences), partition, offset };
}

export function tombstone(offset: number, conversationId = 'c1', partition = 0): StoreRow {
  return { kind: 'tombstone', conversationId, timestamp: NOON + 9_000, partition, offset };
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

import type { FoldOutcome, ListedColumn, VisitOutcome } from '../conversation';
import type { FoldDeadLetterReason, Metrics, Received } from '../ops';

/** What one transaction did, counted when it is committed. */
export interface Tally {
  readonly outcomes: Partial<Record<FoldOutcome, number>>;
  readonly records: { upsert: number; tombstone: number };
  readonly visits: Partial<Record<VisitOutcome, number>>;
  readonly unlisted: ListedColumn[];
  readonly deadLetters: FoldDeadLetterReason[];
  readonly received: Received[];
}

export function newTally(): Tally {
  return {
    outcomes: {},
    records: { upsert: 0, tombstone: 0 },
    visits: {},
    unlisted: [],
    deadLetters: [],
    received: [],
  };
}

export function countTally(tally: Tally, metrics: Metrics): void {
  for (const [outcome, count] of Object.entries(tally.outcomes) as [FoldOutcome, number][])
    metrics.foldEvents.inc({ outcome }, count);
  for (const kind of ['upsert', 'tombstone'] as const) {
    if (tally.records[kind] > 0) metrics.foldRecords.inc({ kind }, tally.records[kind]);
  }
  for (const [outcome, count] of Object.entries(tally.visits) as [VisitOutcome, number][])
    metrics.foldVisits.inc({ outcome }, count);
  for (const column of tally.unlisted) metrics.unlistedValues.inc({ column });
  for (const reason of tally.deadLetters) {
    metrics.foldEvents.inc({ outcome: 'dead-letter' });
    metrics.deadLetters.inc({ stage: 'fold', reason });
  }
}

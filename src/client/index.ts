/**
 * `queuefold/client`: the tables as a library. Read committed, without a consumer group, and without writing anything.
 *
 * How it works. The log room keeps a compacted topic as a table (`src/log/follow-table.ts`): from the beginning, then for
 * ever. Whatever could make it miss a deletion starts a new reading from the beginning, and the table changes only when
 * that one is complete. The table is a map in memory (`live-table.ts`). Those who read `changes()` have no queues: each
 * one remembers which rows differ from what it was told, so it is at most one entry a row behind, and always gets the
 * newest version. `freshness()` says up to when everything that Kafka had committed is in the table.
 */
export { openQueueTable, openVisits } from './open';
export type {
  Change,
  ClientLogger,
  ClientOptions,
  Freshness,
  QueueConversation,
  QueueTable,
  QueueVisit,
  RecordProblem,
  RegistryOptions,
  SaslOptions,
  Table,
  TlsOptions,
  VisitsOptions,
  VisitTable,
} from './types';

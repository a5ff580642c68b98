/**
 * `queuefold/client`: the tables of live conversations and visits, for programs. It reads committed records from Kafka,
 * without a consumer group, and writes nothing.
 *
 * How it works: `src/log` keeps a compacted topic as a table (`src/log/table/follow-table.ts`). It reads the topic from
 * the beginning and then follows it. If it may have missed a deletion, it reads again from the beginning, and the table
 * changes only when that reading is complete. The table is a map in memory (`live-table.ts`). A reader of `changes()`
 * has no queue: it remembers the rows that differ from those that it has delivered. So it holds at most one entry for
 * each row, and it always delivers the newest version. `freshness()` gives the time up to which the table has
 * everything that Kafka has committed.
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

import type { AttemptLimits } from './attempts';
import { identifier, type Store } from './client';
import { encodeVisit, VISIT_INSERT_COLUMNS, type VisitRow } from './encode';
import { literal } from './literal';
import { TableWriter, type Writer, type WriterOptions } from './writer';

export const VISIT_TABLE = 'queue_visit_state';
/** Two ids for each visit. A statement with this many is well below ClickHouse's longest one. */
const VISITS_A_STATEMENT = 1_000;

/**
 * Writes visits. Their table is ordered by the time at which a visit entered, and a later version may have another
 * time. So after each INSERT the writer looks up in `queue_visit_times` at which times these visits have rows. For each
 * time that a visit has left, it writes a row with _deleted = 1 and the version of the later row. If two sinks insert
 * at once, the one that ends last sees the rows of both. A sink that stops between the two steps has committed nothing,
 * so the next one does both again.
 */
export function createVisitWriter({ epoch = 0, ...options }: WriterOptions): Writer<VisitRow> {
  const { store } = options;
  const writer = new TableWriter<VisitRow>({
    ...options,
    table: VISIT_TABLE,
    columns: VISIT_INSERT_COLUMNS,
    write: (row, lines) => lines.text(encodeVisit(row, epoch)),
    isSound: () => false,
  });

  const leaveTimes = async (visits: readonly string[], limits: AttemptLimits): Promise<void> => {
    for (let at = 0; at < visits.length; at += VISITS_A_STATEMENT) {
      const query = leftTimes(store, visits.slice(at, at + VISITS_A_STATEMENT));
      const work = async (): Promise<void> => {
        await store.client.command({ query });
      };
      const error = await writer.attempts.untilAnswered(work, visits.length, limits);
      if (error !== null) throw error;
    }
  };

  return {
    insert: async (rows, signal, notAfterMs = Infinity) => {
      const visits = new Set<string>();
      function* noted(): Generator<VisitRow> {
        for (const row of rows) {
          const { conversation_id, participant_id } = row.visit;
          visits.add(`(${literal(conversation_id.toWellFormed())}, ${literal(participant_id.toWellFormed())})`);
          yield row;
        }
      }
      const refusals = await writer.insert(noted(), signal, notAfterMs);
      await leaveTimes([...visits], { signal, notAfterMs });
      return refusals;
    },
    state: () => writer.state(),
  };
}

/** An SQL list of these visits, as pairs of ids. */
function leftTimes({ database }: Store, visits: readonly string[]): string {
  const table = (name: string) => `${identifier(database)}.${name}`;
  return (
    `INSERT INTO ${table(VISIT_TABLE)} (conversation_id, participant_id, entered_time, _version, _deleted) ` +
    'SELECT conversation_id, participant_id, left.1, latest, 1 FROM (' +
    'SELECT conversation_id, participant_id, max(stored) AS latest, groupArray((entered_time, stored)) AS times FROM (' +
    `SELECT conversation_id, participant_id, entered_time, max(version) AS stored FROM ${table('queue_visit_times')} ` +
    `WHERE (conversation_id, participant_id) IN (${visits.join(', ')}) ` +
    'GROUP BY conversation_id, participant_id, entered_time) ' +
    'GROUP BY conversation_id, participant_id HAVING count() > 1) ' +
    'ARRAY JOIN arrayFilter(one -> one.2 < latest, times) AS left ' +
    // The times of a few visits may lie in more than 100 months.
    'SETTINGS async_insert = 0, insert_deduplicate = 0, max_partitions_per_insert_block = 0'
  );
}

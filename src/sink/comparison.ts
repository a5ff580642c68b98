import { isDeepStrictEqual } from 'node:util';
import { printableRow, type QueueConversation, STATE_COLUMNS } from '../conversation';
import { identifier, offsetOf, type Store } from '../store';

/** The compacted topic up to its ends as they were at one moment. */
export interface Compacted {
  readonly ends: ReadonlyMap<number, number>;
  readonly rows: ReadonlyMap<string, { readonly row: QueueConversation; readonly offset: number }>;
  /** Keys with records behind those ends: of them the topic may no longer have what it had at its ends. */
  readonly newer: ReadonlySet<string>;
}

interface StoredRow extends Readonly<Record<string, unknown>> {
  readonly conversation_id: string;
  readonly _version: string;
  readonly _partition: number;
}

const IDS_A_QUERY = 1_000;

/**
 * The differences between the table and the topic, a sentence each. A sink may run meanwhile: what the table has from
 * behind the topic's ends is no difference.
 */
export async function compareTable(
  store: Store,
  epoch: number,
  { ends, rows, newer }: Compacted,
): Promise<readonly string[]> {
  const differences: string[] = [];
  const missing = new Set(rows.keys());
  for (const stored of await readLive(store)) {
    const { conversation_id: id, _version, _partition, ...columns } = stored;
    missing.delete(id);
    const offset = offsetOf(epoch, _version);
    if (newer.has(id) || (offset !== null && offset >= (ends.get(_partition) ?? 0))) continue;
    const expected = rows.get(id);
    if (expected === undefined)
      differences.push(`${id}: the table has it with version ${_version}, but the topic does not have it`);
    else if (offset !== expected.offset) {
      differences.push(`${id}: the table has version ${_version}, but the topic has offset ${expected.offset}`);
    } else {
      const wanted = printableRow(expected.row, STATE_COLUMNS);
      const unlike = STATE_COLUMNS.filter(
        (column) => column !== 'conversation_id' && !isDeepStrictEqual(columns[column], wanted[column]),
      );
      if (unlike.length > 0) differences.push(`${id}: ${unlike.join(', ')} differ at offset ${expected.offset}`);
    }
  }
  const absent = [...missing].filter((id) => !newer.has(id));
  const ended = await readEnded(store, epoch, absent, ends);
  for (const id of absent) if (!ended.has(id)) differences.push(`${id}: the topic has it, but the table does not`);
  return differences;
}

async function readLive({ client, database }: Store): Promise<readonly StoredRow[]> {
  const result = await client.query({
    query:
      `SELECT ${STATE_COLUMNS.join(', ')}, toString(_version) AS _version, _partition ` +
      `FROM ${identifier(database)}.queue_conversation_state FINAL SETTINGS date_time_output_format = 'iso'`,
    format: 'JSONEachRow',
  });
  return result.json<StoredRow>();
}

/** Those of the conversations that a tombstone from behind the ends has removed. */
async function readEnded(
  { client, database }: Store,
  epoch: number,
  conversationIds: readonly string[],
  ends: ReadonlyMap<number, number>,
): Promise<ReadonlySet<string>> {
  const ended = new Set<string>();
  for (let at = 0; at < conversationIds.length; at += IDS_A_QUERY) {
    const result = await client.query({
      query:
        'SELECT conversation_id AS id, _partition AS partition, toString(max(_version)) AS version ' +
        `FROM ${identifier(database)}.queue_conversation_state ` +
        'WHERE _deleted AND conversation_id IN {ids:Array(String)} GROUP BY id, partition',
      query_params: { ids: conversationIds.slice(at, at + IDS_A_QUERY) },
      format: 'JSONEachRow',
    });
    for (const { id, partition, version } of await result.json<{ id: string; partition: number; version: string }>()) {
      const offset = offsetOf(epoch, version);
      if (offset !== null && offset >= (ends.get(partition) ?? 0)) ended.add(id);
    }
  }
  return ended;
}

import { isDeepStrictEqual } from 'node:util';
import {
  printableRow,
  printableVisit,
  type QueueVisit,
  TABLE_COLUMNS,
  TIME_COLUMNS,
  VISIT_TIMES,
} from '../../../src/conversation';
import {
  createRowCodec,
  createVisitCodec,
  type LogRecord,
  readStateRecord,
  readVisitRecord,
  type ValueCodec,
  visitKey,
} from '../../../src/log';
import { identifier, type Store } from '../../../src/store';
import type { Connected } from '../../../src/wiring';
import type { Environment } from '../../support/processes/role-process';
import { foldedInMemory, readPartitions, type Written } from './expected';

export interface Comparison {
  readonly events: number;
  readonly records: number;
  readonly tombstones: number;
  readonly liveRows: number;
  /** In ClickHouse, each one once. */
  readonly visits: number;
  /** Empty: all is as it should be. The first ones, in words. */
  readonly differences: readonly string[];
}

const MOST_DIFFERENCES = 10;

/** What the topics hold, and where rows and visits differ from what one undisturbed fold makes of the events. */
interface ComparedTopics {
  readonly events: readonly LogRecord[];
  readonly state: readonly LogRecord[];
  readonly visits: readonly LogRecord[];
  readonly differences: readonly string[];
}

/** The topics of rows and of visits against the fold in memory of the same events, record by record. */
export async function compareTopics(connected: Connected, env: Environment): Promise<ComparedTopics> {
  const { log, topics } = connected;
  const [events, state] = [await readPartitions(log, topics.events), await readPartitions(log, topics.state)];
  const visits = await readPartitions(log, topics.visits);
  const differences: string[] = [];
  const partitions = [...new Set([...events.keys(), ...state.keys()])].sort((a, b) => a - b);
  for (const partition of partitions) {
    const expected = await foldedInMemory(connected, env, partition, events.get(partition) ?? []);
    for (const [topic, found] of [
      [topics.state, state],
      [topics.visits, visits],
    ] as const) {
      const wanted = expected.filter((record) => record.topic === topic);
      const difference = firstDifference(wanted, (found.get(partition) ?? []).map(writtenOf));
      if (difference !== null) differences.push(`${topic}, partition ${partition}: ${difference}`);
    }
  }
  const all = (found: ReadonlyMap<number, readonly LogRecord[]>) => [...found.values()].flat();
  return { events: all(events), state: all(state), visits: all(visits), differences };
}

/** The topics against the fold in memory of the same events, and ClickHouse against the topics. */
export async function compare(connected: Connected, store: Store, env: Environment): Promise<Comparison> {
  const { schemas, topics } = connected;
  const { events, state: records, visits, differences: inTopics } = await compareTopics(connected, env);
  const differences = [...inTopics];

  const rows = await createRowCodec(schemas, topics);
  await rows.prepare(records.map(({ value }) => value));
  const table = new Map<string, Record<string, unknown>>();
  for (const record of records) {
    const { conversationId, row } = readStateRecord(record, rows);
    if (row === null) table.delete(conversationId);
    else table.set(conversationId, printableRow(row, TABLE_COLUMNS));
  }
  differences.push(...tableDifferences(table, await storedTable(store, ROWS)));
  const lastVisits = await visitsOf(visits, await createVisitCodec(schemas, topics));
  differences.push(...tableDifferences(lastVisits, await storedTable(store, VISITS)));
  return {
    events: events.length,
    records: records.length,
    tombstones: records.filter(({ value }) => value === null).length,
    liveRows: table.size,
    visits: lastVisits.size,
    differences: differences.slice(0, MOST_DIFFERENCES),
  };
}

function writtenOf({ topic, key, value, timestamp, headers }: LogRecord): Written {
  return { topic, key: String(key), value, timestamp, headers };
}

function firstDifference(expected: readonly Written[], found: readonly Written[]): string | null {
  for (let at = 0; at < Math.max(expected.length, found.length); at++) {
    const [wanted, got] = [expected[at], found[at]];
    if (!isSame(wanted, got)) {
      return (
        `record ${at} of ${expected.length} expected and ${found.length} found\n` +
        `  expected ${describe(wanted)}\n  found    ${describe(got)}`
      );
    }
  }
  return null;
}

function isSame(a: Written | undefined, b: Written | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const sameValue = a.value === null || b.value === null ? a.value === b.value : a.value.equals(b.value);
  return sameValue && a.key === b.key && a.timestamp === b.timestamp && isDeepStrictEqual(a.headers, b.headers);
}

function describe(record: Written | undefined): string {
  if (record === undefined) return 'nothing';
  const { key, value, timestamp, headers } = record;
  return JSON.stringify({ key, timestamp, value: value?.toString('base64') ?? null, headers });
}

/** The last version of each visit, by the keys of the topic. */
async function visitsOf(
  records: readonly LogRecord[],
  codec: ValueCodec<QueueVisit>,
): Promise<ReadonlyMap<string, Record<string, unknown>>> {
  await codec.prepare(records.map(({ value }) => value));
  return new Map(records.map((record) => [String(record.key), printableVisit(readVisitRecord(record, codec))]));
}

/** A view of ClickHouse. */
interface View {
  readonly name: string;
  readonly times: ReadonlySet<string>;
  readonly keyOf: (row: Record<string, unknown>) => string;
}

const ROWS: View = {
  name: 'queue_conversation',
  times: TIME_COLUMNS,
  keyOf: (row) => String(row['conversation_id']),
};
const VISITS: View = {
  name: 'queue_visit',
  times: VISIT_TIMES,
  keyOf: (row) =>
    visitKey({ conversation_id: String(row['conversation_id']), participant_id: String(row['participant_id']) }),
};

async function storedTable(
  { client, database }: Store,
  { name, times, keyOf }: View,
): Promise<ReadonlyMap<string, Record<string, unknown>>> {
  const result = await client.query({ query: `SELECT * FROM ${identifier(database)}.${name}`, format: 'JSONEachRow' });
  const rows = await result.json<Record<string, unknown>>();
  const stored = new Map(rows.map((row) => [keyOf(row), withIsoTimes(row, times)]));
  if (stored.size !== rows.length) throw new Error(`${name} has ${rows.length} rows of ${stored.size} keys`);
  return stored;
}

/** A server that is for reading only lets nobody set `date_time_output_format`. */
function withIsoTimes(row: Record<string, unknown>, times: ReadonlySet<string>): Record<string, unknown> {
  const iso = (value: unknown): unknown => (typeof value === 'string' ? `${value.replace(' ', 'T')}Z` : value);
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [column, times.has(column) ? iso(value) : value]),
  );
}

function tableDifferences(
  expected: ReadonlyMap<string, Record<string, unknown>>,
  found: ReadonlyMap<string, Record<string, unknown>>,
): readonly string[] {
  const ids = new Set([...expected.keys(), ...found.keys()]);
  return [...ids]
    .filter((id) => !isDeepStrictEqual(expected.get(id), found.get(id)))
    .map((id) => {
      const words = (row: unknown) => (row === undefined ? 'no row' : JSON.stringify(row));
      return `ClickHouse, ${id}:\n  expected ${words(expected.get(id))}\n  found    ${words(found.get(id))}`;
    });
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type QueueVisit, VISIT_COLUMNS } from '../../src/conversation';
import { openEmbeddedClickHouse } from '../../src/embedded';
import { connectStore, identifier, migrate, type Store } from '../../src/store';
import { medianOf } from './throughput';

export interface IntervalsOptions {
  readonly days: number;
  readonly visitsADay: number;
  readonly onProgress: (text: string) => void;
}

export interface IntervalFigures {
  readonly visits: number;
  /** `queue_intervals` by half-hour over the last day; the whole answer is read. */
  readonly day: Taken;
  /** … over all days. */
  readonly allDays: Taken;
  /** `queue_visit` of one queue over the last day. */
  readonly queue: Taken;
  /** The size on disk of one visit of the last day, after only the engine's own merges. */
  readonly bytesAVisit: number;
}

/** Medians of several runs, ms; CPU of all threads of the engine. */
export interface Taken {
  readonly wallMs: number;
  readonly cpuMs: number;
}

const DAY_MS = 86_400_000;
const QUEUES = 200;
const LOOKS = 7;
/** The last day arrives piece by piece, so that it consists of parts that the engine has not merged yet. */
const PIECES = 144;

/**
 * The cost of questions about visits on the embedded engine, without Kafka. The last day looks as a sink stores it: a
 * version of every visit when it enters, when it is offered and when it ends, in many INSERTs. Earlier days consist of
 * the rows that merges leave.
 */
export async function measureIntervals({ days, visitsADay, onProgress }: IntervalsOptions): Promise<IntervalFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'queuefold-bench-'));
  const engine = await openEmbeddedClickHouse({ dataDir: folder });
  const store = connectStore({ connection: engine.connection(), database: 'bench_visits', where: engine.path });
  const command = (query: string): Promise<unknown> => store.client.command({ query });
  try {
    await migrate(store.client, { database: store.database, dryRun: false });
    const database = identifier(store.database);
    const end = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const lastDay = { at: end - DAY_MS, visitsADay, first: 0 };
    const piece = Math.ceil(visitsADay / PIECES);
    for (let from = 0; from < visitsADay + piece; from += piece) {
      if (from < visitsADay) await command(visitsOf(store, { ...lastDay, from, count: piece, versions: [0, 1] }));
      if (from > 0) await command(visitsOf(store, { ...lastDay, from: from - piece, count: piece, versions: [2] }));
    }
    onProgress('the last day is stored');
    const over = (from: number): string => `
      SELECT * FROM ${database}.queue_intervals(
        from = '${new Date(from).toISOString()}', to = '${new Date(end).toISOString()}', minutes = 30,
        target_seconds = 20, short_abandon_seconds = 5)`;
    const ofQueue = `
      SELECT * FROM ${database}.queue_visit WHERE queue_id = 'queue-7'
        AND entered_time >= fromUnixTimestamp64Milli(toInt64(${end - DAY_MS}))`;
    const day = await medianTime(store, over(end - DAY_MS));
    const queue = await medianTime(store, ofQueue);
    const bytesAVisit = (await bytesOnDisk(store)) / visitsADay;

    // These questions do not read the visits' times, and filling them for all days would take most of the minutes.
    await command(`DROP VIEW ${database}.queue_visit_times_mv`);
    for (let back = 1; back < days; back += 1) {
      const earlier = { at: end - (back + 1) * DAY_MS, visitsADay, first: back * visitsADay };
      await command(visitsOf(store, { ...earlier, from: 0, count: visitsADay, versions: [2] }));
      if (back % 10 === 9) onProgress(`${back + 1} of ${days} days are stored`);
    }
    const allDays = await medianTime(store, over(end - days * DAY_MS));
    return { visits: days * visitsADay, day, allDays, queue, bytesAVisit };
  } finally {
    await store.close();
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Piece {
  /** When the day begins, epoch ms. */
  readonly at: number;
  readonly visitsADay: number;
  /** The number of the day's first visit. */
  readonly first: number;
  /** The range of the day's visits. */
  readonly from: number;
  readonly count: number;
  /** 0: it enters; 1: it is offered; 2: it has ended. */
  readonly versions: readonly (0 | 1 | 2)[];
}

function visitsOf({ database }: Store, { at, visitsADay, first, from, count, versions }: Piece): string {
  const until = Math.min(from + count, visitsADay);
  const entered = `${at} + intDiv((number - ${first}) * ${DAY_MS}, ${visitsADay})`;
  const time = (ms: string): string => `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
  const ended = (value: string): string => `if(v < 2, NULL, ${value})`;
  const answered = 'v = 2 AND number % 10 < 8';
  const wait = '1000 * (number % 97)';
  // The same in every version.
  const id = "concat(hex(cityHash64(number, 1)), '-', hex(cityHash64(number, 2)))";
  const columns: Readonly<Record<keyof QueueVisit, string>> = {
    conversation_id: 'id',
    participant_id: 'id',
    queue_id: `concat('queue-', toString(cityHash64(number) % ${QUEUES}))`,
    media_type: "if(number % 5 = 0, 'Email', 'Voice')",
    direction: "'inbound'",
    consult: 'number % 50 = 0',
    entered_time: time(entered),
    left_time: ended(time(`${entered} + ${wait}`)),
    outcome: `multiIf(v < 2, 'waiting', number % 10 < 8, 'answered', number % 10 = 8, 'abandoned', 'flowed_out')`,
    disconnect_type: ended("'transfer'"),
    routing_skill_id: 'NULL',
    offers: 'least(v, 1)',
    offers_missed: '0',
    answered_time: `if(${answered}, ${time(`${entered} + ${wait}`)}, NULL)`,
    user_id: `if(${answered}, concat('user-', toString(number % 2000)), NULL)`,
    agent_participant_id: `if(${answered}, id, NULL)`,
    agent_communication_id: `if(${answered}, id, NULL)`,
    agent_left_time: `if(${answered}, ${time(`${entered} + ${wait} + 240000`)}, NULL)`,
    db_last_updated: time(`${entered} + v * ${wait}`),
  };
  return `
    INSERT INTO ${identifier(database)}.queue_visit_state (${VISIT_COLUMNS.join(', ')}, _version, _deleted, _partition)
    SELECT ${VISIT_COLUMNS.map((name) => columns[name]).join(', ')}, number * 3 + v, 0, number % 8
    FROM (SELECT number, ${id} AS id FROM numbers(${first + from}, ${until - from}))
    ARRAY JOIN [${versions.join(', ')}] AS v`;
}

async function medianTime({ client }: Store, query: string): Promise<Taken> {
  const wall: number[] = [];
  const cpu: number[] = [];
  for (let look = 0; look <= LOOKS; look += 1) {
    const started = performance.now();
    const before = process.cpuUsage();
    const result = await client.query({ query, format: 'JSONCompactEachRow' });
    await result.text();
    // The first run warms up.
    if (look === 0) continue;
    wall.push(performance.now() - started);
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1_000);
  }
  return { wallMs: medianOf(wall), cpuMs: medianOf(cpu) };
}

async function bytesOnDisk({ client, database }: Store): Promise<number> {
  const result = await client.query({
    query: `SELECT toFloat64(sum(bytes_on_disk)) AS bytes FROM system.parts
            WHERE active AND database = {database:String} AND table LIKE 'queue_visit%'`,
    query_params: { database },
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ readonly bytes: number }>();
  return row?.bytes ?? 0;
}

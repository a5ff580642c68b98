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
  /** `queue_intervals` by half-hour over one day, and over all of them, the whole answer read; ms. */
  readonly dayMs: number;
  readonly allDaysMs: number;
  /** `queue_visit` of one queue over one day, the whole answer read; ms. */
  readonly queueMs: number;
  /** Of one visit on disk, as the engine has merged it by itself. */
  readonly bytesAVisit: number;
}

const DAY_MS = 86_400_000;
const QUEUES = 200;
const LOOKS = 7;

/** What the questions about visits take on the embedded engine, without Kafka: so many days of visits, each stored twice. */
export async function measureIntervals({ days, visitsADay, onProgress }: IntervalsOptions): Promise<IntervalFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'queuefold-bench-'));
  const engine = await openEmbeddedClickHouse({ dataDir: folder });
  const store = connectStore({ connection: engine.connection(), database: 'bench_visits', where: engine.path });
  try {
    await migrate(store.client, { database: store.database, dryRun: false });
    const end = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    for (let day = 0; day < days; day += 1) {
      await store.client.command({ query: visitsOf(store, { day, at: end - (day + 1) * DAY_MS, visitsADay }) });
      if (day % 10 === 9) onProgress(`${day + 1} of ${days} days are stored`);
    }
    const over = (from: number): string => `
      SELECT * FROM ${identifier(store.database)}.queue_intervals(
        from = '${new Date(from).toISOString()}', to = '${new Date(end).toISOString()}', minutes = 30,
        target_seconds = 20, short_abandon_seconds = 5)`;
    const ofQueue = `
      SELECT * FROM ${identifier(store.database)}.queue_visit WHERE queue_id = 'queue-7'
        AND entered_time >= fromUnixTimestamp64Milli(toInt64(${end - DAY_MS}))`;
    return {
      visits: days * visitsADay,
      dayMs: await medianTime(store, over(end - DAY_MS)),
      allDaysMs: await medianTime(store, over(end - days * DAY_MS)),
      queueMs: await medianTime(store, ofQueue),
      bytesAVisit: (await bytesOnDisk(store)) / (days * visitsADay),
    };
  } finally {
    await store.close();
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Day {
  readonly day: number;
  /** Its beginning, epoch ms. */
  readonly at: number;
  readonly visitsADay: number;
}

/** First as they enter, then as they end: two versions, as the fold writes at least. */
function visitsOf({ database }: Store, { day, at, visitsADay }: Day): string {
  const first = day * visitsADay;
  const entered = `${at} + intDiv((number - ${first}) * ${DAY_MS}, ${visitsADay})`;
  const time = (ms: string): string => `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
  const ended = (value: string): string => `if(v = 0, NULL, ${value})`;
  const answered = 'v = 1 AND number % 10 < 8';
  const wait = '1000 * (number % 97)';
  const columns: Readonly<Record<keyof QueueVisit, string>> = {
    conversation_id: 'id',
    participant_id: 'id',
    queue_id: `concat('queue-', toString(cityHash64(number) % ${QUEUES}))`,
    media_type: "if(number % 5 = 0, 'Email', 'Voice')",
    direction: "'inbound'",
    consult: 'number % 50 = 0',
    entered_time: time(entered),
    left_time: ended(time(`${entered} + ${wait}`)),
    outcome: `multiIf(v = 0, 'waiting', number % 10 < 8, 'answered', number % 10 = 8, 'abandoned', 'flowed_out')`,
    disconnect_type: ended("'transfer'"),
    routing_skill_id: 'NULL',
    offers: 'v',
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
    SELECT ${VISIT_COLUMNS.map((name) => columns[name]).join(', ')}, number * 2 + v, 0, number % 8
    FROM (SELECT number, toString(generateUUIDv4()) AS id FROM numbers(${first}, ${visitsADay}))
    ARRAY JOIN range(2) AS v`;
}

async function medianTime({ client }: Store, query: string): Promise<number> {
  const taken: number[] = [];
  for (let look = 0; look <= LOOKS; look += 1) {
    const started = performance.now();
    const result = await client.query({ query, format: 'JSONCompactEachRow' });
    await result.text();
    // The first one warms up.
    if (look > 0) taken.push(performance.now() - started);
  }
  return medianOf(taken);
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

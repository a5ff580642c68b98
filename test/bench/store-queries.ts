import { STATE_COLUMNS } from '../../src/conversation';
import type { Metrics } from '../../src/ops';
import { cleanUp } from '../../src/sink/cleanup';
import { identifier, type Store } from '../../src/store';
import { connectionTo } from './cluster';
import { medianOf } from './throughput';

export interface QueryFigures {
  readonly conversations: number;
  readonly versions: number;
  /** `queue_conversation_at` at instants across the history; the whole answer is read. */
  readonly asOf: Times;
  readonly liveRows: number;
  /** `queue_live` over this many live rows; the whole answer is read. */
  readonly queueLive: Times;
}

const VERSIONS = 8;
const STEP_MS = 40_000;
/** Conversations begin evenly over a day. */
const SPAN_MS = 86_400_000;
const LIVE = 50_000;
const QUEUES = 200;
const BATCH = 50_000;
const INSTANTS = 11;
const LOOKS = 25;

/**
 * A day's conversations with eight versions each. The last version is a tombstone, except for the latest conversations,
 * which are live. Then it measures the answers of two views.
 */
export async function measureQueries(store: Store, conversations: number, metrics: Metrics): Promise<QueryFigures> {
  const from = Date.now() - SPAN_MS - VERSIONS * STEP_MS;
  for (let at = 0; at < conversations; at += BATCH) {
    const count = Math.min(BATCH, conversations - at);
    await store.client.command({ query: conversationsFrom(store, { at, count, conversations, from }) });
  }
  await new Promise((resolve) => setTimeout(resolve, 1_100)); // _ingested_at counts seconds
  await cleanUp({ store, graceMs: 0, intervalMs: SPAN_MS, metrics, logger: connectionTo([]).logger });

  const view = (name: string): string => `${identifier(store.database)}.${name}`;
  const instant = (index: number): string => new Date(from + (index * SPAN_MS) / (INSTANTS + 1)).toISOString();
  const asOf = await timesOf(INSTANTS, (index) =>
    answer(store, `SELECT * FROM ${view('queue_conversation_at')}(at = '${instant(index + 1)}')`),
  );
  const queueLive = await timesOf(LOOKS, () => answer(store, `SELECT * FROM ${view('queue_live')}`));
  return {
    conversations,
    versions: conversations * VERSIONS,
    asOf,
    liveRows: LIVE,
    queueLive,
  };
}

interface Part {
  readonly at: number;
  readonly count: number;
  readonly conversations: number;
  /** When the first one begins, epoch ms. */
  readonly from: number;
}

function conversationsFrom({ database }: Store, { at, count, conversations, from }: Part): string {
  const begins = `${from} + intDiv(number * ${SPAN_MS}, ${conversations})`;
  const isEnd = `v = ${VERSIONS - 1} AND number < ${conversations - LIVE}`;
  const time = (ms: string): string => `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
  const columns: Readonly<Record<(typeof STATE_COLUMNS)[number], string>> = {
    conversation_id: 'id',
    db_last_updated: time(`${begins} + v * ${STEP_MS}`),
    db_when_created: time(begins),
    connected_time: time(begins),
    queue_id: `concat('queue-', toString(number % ${QUEUES}))`,
    session_id: 'id',
    media_type: "'Voice'",
    purpose: "if(v < 3, 'acd', 'agent')",
    state: "if(v = 3, 'alerting', 'connected')",
    direction: "'inbound'",
    participant_id: 'id',
    user_id: "if(v < 3, NULL, concat('user-', toString(number % 2000)))",
    ani: "concat('tel:+3531', toString(number))",
    dnis: "'tel:+35387654321'",
    provider: "'Edge'",
    ...{ subject: 'NULL', message_type: 'NULL', message_status: 'NULL', routing_skill_id: 'NULL' },
    ...{ disconnect_type: 'NULL', acw_state: "if(v = 6, 'pending', NULL)", communication_id: 'id' },
    queue_connected_time: time(begins),
    waiting: 'v < 4',
  };
  return `
    INSERT INTO ${identifier(database)}.queue_conversation_history (${STATE_COLUMNS.join(', ')}, _version, _deleted, _partition)
    SELECT ${STATE_COLUMNS.map((name) => columns[name]).join(', ')}, number * ${VERSIONS} + v, ${isEnd}, number % 8
    FROM (SELECT number, toString(generateUUIDv4()) AS id FROM numbers(${at}, ${count}))
    ARRAY JOIN range(${VERSIONS}) AS v`;
}

async function answer({ client }: Store, query: string): Promise<void> {
  const result = await client.query({ query, format: 'JSONCompactEachRow' });
  await result.text();
}

interface Times {
  readonly medianMs: number;
  readonly maxMs: number;
  /** This process's CPU, with the engine; on a busy machine it is more reliable than the time. */
  readonly medianCpuMs: number;
}

/** After one run that does not count. */
async function timesOf(times: number, run: (index: number) => Promise<void>): Promise<Times> {
  await run(0);
  const taken: number[] = [];
  const cpu: number[] = [];
  for (let index = 0; index < times; index++) {
    const started = performance.now();
    const before = process.cpuUsage();
    await run(index);
    taken.push(performance.now() - started);
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1000);
  }
  return { medianMs: medianOf(taken), maxMs: Math.max(...taken), medianCpuMs: medianOf(cpu) };
}

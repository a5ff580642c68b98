import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { loadConfig } from '../../src/config';
import { createRowCodec } from '../../src/log/codec/codecs';
import { createMetrics } from '../../src/ops/metrics';
import { connectKafka } from '../../src/roles/connect';
import { until } from '../chaos/until';
import { aRow } from '../support/store-rows';
import { createSoakBridge } from './bridge';
import { conversationIdOf, queueIdOf, sessionIdOf, startLargeOrganisation } from './large-organisation';
import { setServices } from './stage';

export interface ScaleResult {
  readonly queues: number;
  readonly conversations: number;
  /** From the start of the process. */
  readonly subscribedSeconds: number;
  readonly reconciledSeconds: number;
  readonly requests: number;
  readonly reconciled: Readonly<Record<string, number>>;
  /** Those that look the same on both sides, in the background from then on. */
  readonly stillToConfirm: number;
  readonly peakRssBytes: number;
}

const QUEUES = 5_000;
const CONVERSATIONS = 100_000;
/** Begun while no bridge ran. */
const MISSING = 1_000;
/** Rows of conversations that have ended meanwhile. */
const ENDED = 1_000;
const LIMIT_MS = 20 * 60_000;
const BATCH = 1_000;

/** A bridge that starts on a large organisation, of which the table knows nearly everything. */
export async function runScale(say: (text: string) => void): Promise<ScaleResult> {
  const services = await setServices();
  try {
    const organisation = await startLargeOrganisation({ queues: QUEUES, conversations: CONVERSATIONS });
    services.own(organisation.stop);
    const env = await services.environment({
      ...{ GENESYS_CLIENT_ID: 'client', GENESYS_CLIENT_SECRET: 'secret' },
      ...{ GENESYS_LOGIN_URL: organisation.url, GENESYS_API_URL: organisation.url },
    });
    await fillTable(env);
    say(`${CONVERSATIONS - MISSING + ENDED} rows are in the topic`);
    const bridge = createSoakBridge(env, 1);
    services.own(bridge.kill);
    const started = Date.now();
    bridge.start();
    await until('all queues to be subscribed', LIMIT_MS, () => organisation.subscribedAt() !== null);
    const subscribedSeconds = ((organisation.subscribedAt() ?? 0) - started) / 1_000;
    say(`subscribed after ${subscribedSeconds.toFixed(1)} s`);
    const isDone = (): boolean => {
      const { reconciled, urgent } = bridge.last();
      return urgent === 0 && (reconciled['snapshot'] ?? 0) >= MISSING && (reconciled['gone'] ?? 0) >= ENDED;
    };
    for (let waited = 0; !isDone(); waited += 1) {
      if (Date.now() - started > LIMIT_MS) throw new Error(`not reconciled:\n${bridge.tail()}`);
      if (waited % 20 === 0) say(`${JSON.stringify(bridge.last().reconciled)}, ${bridge.last().urgent} to do`);
      await sleep(1_000);
    }
    const total = bridge.total();
    return {
      ...{ queues: QUEUES, conversations: CONVERSATIONS, subscribedSeconds },
      reconciledSeconds: (Date.now() - started) / 1_000,
      requests: organisation.requests(),
      reconciled: total.reconciled,
      stillToConfirm: total.pending,
      peakRssBytes: total.peakRssBytes,
    };
  } finally {
    await services.dispose();
  }
}

/** The compacted topic as a fold has left it. */
async function fillTable(env: Readonly<Record<string, string>>): Promise<void> {
  const { log, schemas, topics } = connectKafka(loadConfig({ env }), pino({ enabled: false }), createMetrics());
  try {
    const rows = await createRowCodec(schemas, topics);
    const producer = await log.createProducer();
    const now = Date.now();
    for (let from = MISSING; from < CONVERSATIONS + ENDED; from += BATCH) {
      const records = Array.from({ length: BATCH }, (_, offset) => {
        const index = from + offset;
        const row = aRow({
          ...{ conversation_id: conversationIdOf(index), queue_id: queueIdOf(index % QUEUES), db_last_updated: now },
          ...{ session_id: sessionIdOf(index), communication_id: sessionIdOf(index) },
          ...{ purpose: 'agent', state: 'connected', user_id: 'u', waiting: false },
        });
        return { topic: topics.state, key: row.conversation_id, value: rows.encode(row), headers: {} };
      });
      await producer.send(records);
    }
    await producer.close();
  } finally {
    await log.close();
  }
}

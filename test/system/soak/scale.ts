import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { loadConfig } from '../../../src/config';
import { createRowCodec } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { connectKafka } from '../../../src/wiring';
import { aRow } from '../../support/conversation/rows';
import { startQueuefold } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';
import { setServices } from '../../support/services/own-services';
import { conversationIdOf, queueIdOf, sessionIdOf, startLargeOrganisation } from './large-organisation';

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
  const services = await setServices('scale');
  try {
    const organisation = await startLargeOrganisation({ queues: QUEUES, conversations: CONVERSATIONS });
    services.own(organisation, organisation.stop);
    const env = await services.environment({
      PARTITIONS: '4',
      ...{ GENESYS_CLIENT_ID: 'client', GENESYS_CLIENT_SECRET: 'secret' },
      ...{ GENESYS_LOGIN_URL: organisation.url, GENESYS_API_URL: organisation.url },
    });
    await fillTable(env);
    say(`${CONVERSATIONS - MISSING + ENDED} rows are in the topic`);
    const bridge = startQueuefold(['bridge'], env);
    services.own(bridge, bridge.kill);
    const started = Date.now();
    await until('all queues to be subscribed', LIMIT_MS, () => organisation.subscribedAt() !== null);
    const subscribedSeconds = ((organisation.subscribedAt() ?? 0) - started) / 1_000;
    say(`subscribed after ${subscribedSeconds.toFixed(1)} s`);
    await bridge.ready();
    let seen = readMetrics(await bridge.get('/metrics'));
    let peakRssBytes = 0;
    for (let waited = 0; !seen.isReconciled; waited += 1) {
      if (Date.now() - started > LIMIT_MS) throw new Error(`not reconciled:\n${bridge.stderr()}`);
      if (waited % 20 === 0) say(`${JSON.stringify(seen.reconciled)}, ${seen.urgent} to do`);
      await sleep(1_000);
      seen = readMetrics(await bridge.get('/metrics'));
      peakRssBytes = Math.max(peakRssBytes, seen.rssBytes);
    }
    return {
      ...{ queues: QUEUES, conversations: CONVERSATIONS, subscribedSeconds },
      reconciledSeconds: (Date.now() - started) / 1_000,
      requests: organisation.requests(),
      reconciled: seen.reconciled,
      stillToConfirm: seen.toConfirm,
      peakRssBytes,
    };
  } finally {
    await services.dispose();
  }
}

/** What the bridge tells of itself, as Prometheus reads it. */
function readMetrics(text: string) {
  const values = (name: string, label: string): Record<string, number> =>
    Object.fromEntries(
      [...text.matchAll(new RegExp(`^${name}\\{${label}="([^"]+)"\\} (\\S+)$`, 'gm'))].map(([, key = '', value]) => [
        key,
        Number(value),
      ]),
    );
  const reconciled = values('queuefold_bridge_reconciliations_total', 'outcome');
  const pending = values('queuefold_bridge_reconciliation_pending', 'importance');
  const toConfirm = pending['confirm'] ?? 0;
  const urgent = Object.values(pending).reduce((sum, count) => sum + count, 0) - toConfirm;
  return {
    ...{ reconciled, toConfirm, urgent },
    isReconciled: urgent === 0 && (reconciled['snapshot'] ?? 0) >= MISSING && (reconciled['gone'] ?? 0) >= ENDED,
    rssBytes: Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1] ?? NaN),
  };
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

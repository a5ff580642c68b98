/**
 * Calls a webhook when somebody has waited in a queue for longer than a limit, and again when nobody waits that long.
 * Without WEBHOOK_URL it only prints these alerts.
 *
 *   KAFKA_BROKERS=localhost:9092 SCHEMA_REGISTRY_URL=http://localhost:8081 \
 *   WEBHOOK_URL=https://hooks.example/… LIMIT_SECONDS=120 node examples/alert-longest-wait.mjs
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openQueueTable } from 'queuefold/client';

const { KAFKA_BROKERS = 'localhost:9092', SCHEMA_REGISTRY_URL = 'http://localhost:8081' } = process.env;
const { TOPIC_PREFIX, WEBHOOK_URL, LIMIT_SECONDS = '120' } = process.env;
const STALE_MS = 15_000; // an older table says nothing about now

const table = await openQueueTable({
  brokers: KAFKA_BROKERS.split(','),
  registry: SCHEMA_REGISTRY_URL,
  prefix: TOPIC_PREFIX,
  logger: console,
});

/** The longest wait of each queue, in seconds. */
function longestWaits() {
  const longest = new Map();
  for (const { waiting, queue_id: queue, queue_connected_time: since } of table.rows()) {
    const seconds = Math.floor((Date.now() - since.getTime()) / 1_000);
    if (waiting) longest.set(queue, Math.max(longest.get(queue) ?? 0, seconds));
  }
  return longest;
}

async function tell(alert) {
  const body = JSON.stringify(alert);
  console.log(body);
  if (WEBHOOK_URL === undefined) return;
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(WEBHOOK_URL, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
}

console.log(`looking for callers who have waited longer than ${LIMIT_SECONDS} seconds`);
const alerting = new Set();
for (; ; await sleep(1_000)) {
  if (table.freshness().ageMs > STALE_MS) continue;
  const longest = longestWaits();
  for (const queue of new Set([...longest.keys(), ...alerting])) {
    const seconds = longest.get(queue) ?? 0;
    const isOver = seconds > Number(LIMIT_SECONDS);
    if (isOver === alerting.has(queue)) continue;
    try {
      await tell({ queue, seconds, status: isOver ? 'over the limit' : 'fine again' });
      if (isOver) alerting.add(queue);
      else alerting.delete(queue);
    } catch (error) {
      console.error(`${WEBHOOK_URL}: ${error.message}; trying again`);
    }
  }
}

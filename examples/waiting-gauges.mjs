/**
 * Serves how many wait in each queue as Prometheus gauges, at http://localhost:9500/metrics. Outside of the checkout it
 * also needs `npm install prom-client`.
 *
 *   KAFKA_BROKERS=localhost:9092 SCHEMA_REGISTRY_URL=http://localhost:8081 PORT=9500 node examples/waiting-gauges.mjs
 */
import { createServer } from 'node:http';
import { Gauge, Registry } from 'prom-client';
import { openQueueTable } from 'queuefold/client';

const { KAFKA_BROKERS = 'localhost:9092', SCHEMA_REGISTRY_URL = 'http://localhost:8081' } = process.env;
const { TOPIC_PREFIX, PORT = '9500' } = process.env;

const table = await openQueueTable({
  brokers: KAFKA_BROKERS.split(','),
  registry: SCHEMA_REGISTRY_URL,
  prefix: TOPIC_PREFIX,
  logger: console,
});

const registry = new Registry();
const labelNames = ['queue_id', 'media_type'];
const gauge = (name, help, labels = []) => new Gauge({ name, help, labelNames: labels, registers: [registry] });
const waiting = gauge('queue_waiting', 'Conversations that wait in the queue', labelNames);
const longest = gauge('queue_longest_wait_seconds', 'How long the first of them has waited', labelNames);
const age = gauge(
  'queue_table_age_seconds',
  'How old the table is. If it is old, the other gauges stand still, so alert on this one',
);

/** Queues that have had callers: then they are 0, not absent. */
const seen = new Set();

function measure() {
  const now = Date.now();
  const waits = new Map([...seen].map((key) => [key, []]));
  for (const row of table.rows()) {
    if (!row.waiting) continue;
    const key = JSON.stringify({ queue_id: row.queue_id, media_type: row.media_type ?? 'unknown' });
    seen.add(key);
    waits.set(key, [...(waits.get(key) ?? []), Math.max(0, now - row.queue_connected_time.getTime())]);
  }
  for (const [key, all] of waits) {
    waiting.set(JSON.parse(key), all.length);
    longest.set(JSON.parse(key), Math.max(0, ...all) / 1_000);
  }
  age.set(table.freshness().ageMs / 1_000);
}

createServer(async (request, response) => {
  if (request.url !== '/metrics') return response.writeHead(404).end();
  measure();
  response.setHeader('content-type', registry.contentType);
  return response.end(await registry.metrics());
}).listen(Number(PORT), '127.0.0.1', function () {
  console.log(`http://127.0.0.1:${this.address().port}/metrics`);
});

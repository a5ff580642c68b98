/**
 * Keeps the table queue_conversation and prints every change as a line of JSON.
 *
 *   KAFKA_BROKERS=localhost:9092 SCHEMA_REGISTRY_URL=http://localhost:8081 node consume.mjs
 */
import { openQueueTable } from 'queuefold/client';

const { KAFKA_BROKERS = 'localhost:9092', SCHEMA_REGISTRY_URL = 'http://localhost:8081' } = process.env;
const { TOPIC_PREFIX } = process.env;
const table = await openQueueTable({
  brokers: KAFKA_BROKERS.split(','),
  registry: SCHEMA_REGISTRY_URL,
  prefix: TOPIC_PREFIX,
});
for await (const change of table.changes()) {
  if (change.type === 'upsert') console.log(JSON.stringify({ id: change.id, row: change.row }));
  if (change.type === 'delete') console.log(JSON.stringify({ id: change.id, row: null }));
}

/**
 * Writes a CSV file for each quarter of an hour, as workforce tools read them: what came into which queue, and what became
 * of it. Every quarter it writes the last four files again, because a visit may be answered after the quarter in which it
 * began.
 *
 *   KAFKA_BROKERS=localhost:9092 SCHEMA_REGISTRY_URL=http://localhost:8081 OUT=./intervals node examples/visits-csv.mjs
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { openVisits } from 'queuefold/client';

const { KAFKA_BROKERS = 'localhost:9092', SCHEMA_REGISTRY_URL = 'http://localhost:8081' } = process.env;
const { TOPIC_PREFIX, OUT = './intervals' } = process.env;
const QUARTER_MS = 15 * 60_000;
const QUARTERS = 4;
const HEADER = 'interval_start,queue_id,media_type,offered,answered,abandoned,average_wait_seconds';

const quarterOf = (ms) => ms - (ms % QUARTER_MS);
const visits = await openVisits({
  brokers: KAFKA_BROKERS.split(','),
  registry: SCHEMA_REGISTRY_URL,
  prefix: TOPIC_PREFIX,
  since: () => new Date(quarterOf(Date.now()) - QUARTERS * QUARTER_MS),
  logger: console,
});

function csvOf(start) {
  const lines = new Map();
  for (const visit of visits.rows()) {
    if (visit.consult || quarterOf(visit.entered_time.getTime()) !== start) continue;
    const key = `${visit.queue_id},${visit.media_type ?? ''}`;
    const line = lines.get(key) ?? { offered: 0, answered: 0, abandoned: 0, waits: [] };
    lines.set(key, line);
    line.offered += 1;
    if (visit.outcome === 'answered') line.answered += 1;
    if (visit.outcome === 'abandoned') line.abandoned += 1;
    if (visit.left_time !== null) line.waits.push((visit.left_time - visit.entered_time) / 1_000);
  }
  const rows = [...lines].sort().map(([key, { offered, answered, abandoned, waits }]) => {
    const average = waits.length === 0 ? '' : (waits.reduce((sum, wait) => sum + wait, 0) / waits.length).toFixed(1);
    return [new Date(start).toISOString(), key, offered, answered, abandoned, average].join(',');
  });
  return [HEADER, ...rows, ''].join('\n');
}

await mkdir(OUT, { recursive: true });
for (;;) {
  const now = quarterOf(Date.now());
  for (let start = now - QUARTERS * QUARTER_MS; start < now; start += QUARTER_MS) {
    const file = `${OUT}/${new Date(start).toISOString().slice(0, 16).replaceAll(':', '')}Z.csv`;
    // Renamed when it is complete, so that nobody reads half a file.
    await writeFile(`${file}.part`, csvOf(start));
    await rename(`${file}.part`, file);
  }
  console.log(`wrote the ${QUARTERS} quarters before ${new Date(now).toISOString()} into ${OUT}`);
  await sleep(now + QUARTER_MS - Date.now());
}

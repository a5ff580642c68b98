import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { startQueuefold } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';

/** The statement computes until its limit of 30 s ends it, which is why this is no test for every change. */
const LONG = 'SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))';
const LIMIT_MS = 120_000;
const dataDir = mkdtempSync(join(tmpdir(), 'queuefold-long-select-'));
const started = startQueuefold(['start', '--log', 'memory', '--rate', '10'], { DATA_DIR: dataDir, HTTP_PORT: '0' });

afterAll(async () => {
  await started.kill();
  rmSync(dataDir, { recursive: true, force: true });
});

/** What `start` says of where something is. */
const address = (label: string) =>
  new RegExp(`^${label} +(http://[\\d.]+:\\d+)`, 'm').exec(started.stderr())?.[1] ?? '';

async function sql(statement: string): Promise<string> {
  const headers = { Authorization: `Bearer ${readFileSync(join(dataDir, 'sql-token'), 'utf8').trim()}` };
  return (await fetch(address('SQL'), { method: 'POST', body: statement, headers })).text();
}

const isReady = async () => (await fetch(`${address('Metrics')}/health/ready`)).ok;

test('one SELECT that takes long holds up neither the readiness of `start` nor six readers side by side', async () => {
  await until(
    'the addresses, the last of which is that of Genesys',
    LIMIT_MS,
    () => address('Genesys +simulated:') !== '',
  );
  await until('ready', LIMIT_MS, isReady);
  const long = sql(LONG);
  let isOver = false;
  void long.then(() => (isOver = true));
  const readers = Array.from({ length: 6 }, (_, n) => sql(`SELECT ${n}, count() >= 0 FROM queue_conversation`));
  expect(await Promise.all(readers)).toEqual(Array.from({ length: 6 }, (_, n) => `${n}\t1\n`));
  // A check may for once have to wait longer for its turn than it waits for an answer.
  await until('ready', LIMIT_MS, async () => isOver || (await isReady()));
  expect(isOver).toBe(false);
  expect(await long).toMatch(/TIMEOUT_EXCEEDED/);
  await started.stop();
});

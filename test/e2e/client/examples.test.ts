import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import type { QueueConversation, QueueVisit } from '../../../src/conversation';
import { aRow } from '../../support/conversation/rows';
import { temporaryFolders } from '../../support/files/folders';
import { writtenTables } from '../../support/log/written-tables';
import { until } from '../../support/processes/until';

const LIMIT_MS = 120_000;
const EXAMPLES = join(packageRoot(), 'examples');
const newFolder = temporaryFolders();
const disposers: (() => Promise<unknown>)[] = [];
let env: Readonly<Record<string, string | undefined>>;
let put: (row: QueueConversation) => Promise<void>;
let putVisit: (visit: QueueVisit) => Promise<void>;

beforeAll(async () => {
  const { brokers, registry, topics, close, ...written } = await writtenTables('examples');
  disposers.push(close);
  ({ put, putVisit } = written);
  env = {
    PATH: process.env['PATH'],
    KAFKA_BROKERS: brokers.join(','),
    SCHEMA_REGISTRY_URL: registry,
    TOPIC_PREFIX: topics.prefix,
  };
});
afterAll(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

/** The program as it stands in examples/, against the build. */
function start(name: string, more: Readonly<Record<string, string>> = {}) {
  const child: ChildProcess = spawn(process.execPath, [join(EXAMPLES, name)], { env: { ...env, ...more } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (said += text.toString()));
  disposers.push(async () => {
    if (child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill();
    await exited;
  });
  return { said: () => said };
}

describe('the examples', () => {
  test('are programs of less than 60 lines', () => {
    const programs = readdirSync(EXAMPLES).filter((name) => name.endsWith('.mjs'));
    expect(programs).toHaveLength(3);
    for (const name of programs) expect(readFileSync(join(EXAMPLES, name), 'utf8').split('\n').length).toBeLessThan(60);
  });

  test('alert-longest-wait.mjs calls the webhook when a wait passes the limit, and when none does any more', async () => {
    const calls: unknown[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        calls.push(JSON.parse(body));
        response.end();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    disposers.push(() => new Promise((resolve) => server.close(resolve)));
    const caller = { conversation_id: 'alert', queue_id: 'support', queue_connected_time: Date.now() - 500_000 };
    await put(aRow({ ...caller, waiting: true }));
    await put(aRow({ conversation_id: 'served', queue_id: 'sales', queue_connected_time: 0, waiting: false }));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { said } = start('alert-longest-wait.mjs', { WEBHOOK_URL: url, LIMIT_SECONDS: '300' });
    await until(`an alert; ${said()}`, LIMIT_MS, () => calls.length === 1);
    expect(calls).toEqual([{ queue: 'support', seconds: expect.any(Number), status: 'over the limit' }]);
    await put(aRow({ ...caller, waiting: false }));
    await until('the end of the alert', LIMIT_MS, () => calls.length === 2);
    expect(calls[1]).toEqual({ queue: 'support', seconds: 0, status: 'fine again' });
  });

  test('waiting-gauges.mjs serves what waits, and 0 where nothing does any more', async () => {
    const caller = { conversation_id: 'gauge', queue_id: 'gauges', media_type: 'Chat' };
    await put(aRow({ ...caller, waiting: true, queue_connected_time: Date.now() - 60_000 }));
    const { said } = start('waiting-gauges.mjs', { PORT: '0' });
    await until('its address', LIMIT_MS, () => said().includes('/metrics'));
    const metrics = async () => (await fetch(said().trim().split('\n').at(-1) ?? '')).text();
    const labels = '{queue_id="gauges",media_type="Chat"}';
    expect(await metrics()).toContain(`queue_waiting${labels} 1\n`);
    expect(await metrics()).toMatch(/queue_longest_wait_seconds\{queue_id="gauges",media_type="Chat"\} \d{2}/);
    expect(await metrics()).toMatch(/^queue_table_age_seconds \d/m);
    await put(aRow({ ...caller, waiting: false }));
    await until('0', LIMIT_MS, async () => (await metrics()).includes(`queue_waiting${labels} 0\n`));
  });

  test('visits-csv.mjs writes a file for each quarter of an hour', async () => {
    const quarter = 15 * 60_000;
    const begin = Date.now() - (Date.now() % quarter) - 2 * quarter;
    const visit = (participant: string, differences: Partial<QueueVisit>): QueueVisit => ({
      ...{
        conversation_id: 'c/1',
        participant_id: participant,
        queue_id: 'q1',
        media_type: 'Voice',
        direction: 'inbound',
      },
      ...{ consult: false, entered_time: begin + 1_000, left_time: begin + 31_000, outcome: 'answered' as const },
      ...{ disconnect_type: 'transfer', routing_skill_id: null, offers: 1, offers_missed: 0, answered_time: null },
      ...{ user_id: null, agent_participant_id: null, agent_communication_id: null, agent_left_time: null },
      db_last_updated: begin,
      ...differences,
    });
    await putVisit(visit('p1', {}));
    await putVisit(visit('p2', { outcome: 'abandoned', left_time: begin + 2_000 }));
    await putVisit(visit('p3', { consult: true }));
    await putVisit(visit('p4', { outcome: 'waiting', left_time: null, queue_id: 'q2' }));
    await putVisit(visit('long ago', { entered_time: begin - 10 * quarter }));
    const folder = await newFolder();
    const { said } = start('visits-csv.mjs', { OUT: folder });
    await until('the files', LIMIT_MS, () => said().includes('wrote the 4 quarters'));
    const start4 = new Date(begin).toISOString();
    const file = `${start4.slice(0, 16).replaceAll(':', '')}Z.csv`;
    // Quarters may have passed meanwhile: then it is still one of the last four.
    expect(readdirSync(folder)).toHaveLength(4);
    expect(readFileSync(join(folder, file), 'utf8')).toBe(
      'interval_start,queue_id,media_type,offered,answered,abandoned,average_wait_seconds\n' +
        `${start4},q1,Voice,2,1,1,15.5\n${start4},q2,Voice,1,0,0,\n`,
    );
  });
});

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TABLE_COLUMNS } from '../../src/conversation/row';
import { generateEvents, type Truth } from '../../src/genesys/simulator';

const bin = join(__dirname, '../../bin/queuefold.js');
const folder = mkdtempSync(join(tmpdir(), 'queuefold-e2e-'));
const recording = join(folder, 'recording.ndjson');
let truth: Truth;

beforeAll(() => {
  const stream = generateEvents({ seed: 11, conversations: 250, conversationsPerSecond: 2 });
  const lines: string[] = [];
  for (const { at, frame } of stream) {
    lines.push(JSON.stringify({ receivedAt: new Date(at).toISOString(), event: frame }));
    // Stopped in the middle, so that some conversations are still in their queues.
    if (lines.length === 2_000) break;
  }
  truth = stream.truth();
  writeFileSync(recording, `${lines.join('\n')}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Printed {
  readonly key: string;
}

async function replay<T>(file: string, ...flags: readonly string[]): Promise<T[]> {
  const args = [bin, 'replay', file, '--quiet', ...flags];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 256 * 1024 * 1024 });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

function byKey(records: readonly Printed[]): ReadonlyMap<string, readonly Printed[]> {
  const keys = new Map<string, Printed[]>();
  for (const record of records) keys.set(record.key, [...(keys.get(record.key) ?? []), record]);
  return new Map([...keys].sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('queuefold replay', () => {
  test('gives the same records, a key at a time, in memory and on a real Kafka', async () => {
    const inMemory = await replay<Printed>(recording, '--print', 'records');
    const onKafka = await replay<Printed>(recording, '--print', 'records', '--log', 'embedded');
    expect(inMemory.length).toBeGreaterThan(500);
    expect(byKey(onKafka)).toEqual(byKey(inMemory));
  });

  test('gives the same rows from the compacted topic and from ClickHouse, and they are the truth', async () => {
    const rows = await replay<Record<string, unknown>>(recording, '--print', 'rows');
    const stored = await replay<Record<string, unknown>>(recording, '--print', 'rows', '--store', 'embedded');
    expect(stored).toEqual(rows);
    const columns = TABLE_COLUMNS.filter((column) => !column.startsWith('db_'));
    const known = truth.conversations.map((row) =>
      Object.fromEntries(columns.map((column) => [column, (row as unknown as Record<string, unknown>)[column]])),
    );
    const folded = rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column]])));
    expect(folded.length).toBeGreaterThan(10);
    const sorted = (list: readonly Record<string, unknown>[]) =>
      [...list].sort((a, b) => (String(a['conversation_id']) < String(b['conversation_id']) ? -1 : 1));
    expect(sorted(folded)).toEqual(sorted(known));
  });

  test('--strict exits with 1 if a line was invalid, and the others are folded all the same', async () => {
    const file = join(folder, 'broken.ndjson');
    const good = readFileSync(join(__dirname, '../fixtures/cases/01-caller-waits.input.ndjson'), 'utf8');
    writeFileSync(file, `not json\n${good}`);
    await expect(replay(file, '--strict')).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('"c1"'),
    });
    expect(await replay(file)).toHaveLength(1);
  });

  test('a wrong flag, time or file is explained', async () => {
    await expect(replay(recording, '--now', 'yesterday')).rejects.toMatchObject({ code: 2 });
    await expect(replay(recording, '--speed', '-1')).rejects.toMatchObject({ code: 2 });
    await expect(replay(join(folder, 'none.ndjson'))).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('none.ndjson: cannot be read'),
    });
  });
});

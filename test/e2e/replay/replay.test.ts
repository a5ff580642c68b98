import { execFile } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TABLE_COLUMNS } from '../../../src/conversation';
import { generateEvents, type Truth } from '../../../src/simulator';
import { linesOf as visitLinesOf, visitCases } from '../../support/conversation/visit-cases';
import { kafkaForTests, registryForTests } from '../../support/services/services';

const bin = join(__dirname, '../../../bin/queuefold.js');
const folder = mkdtempSync(join(tmpdir(), 'queuefold-e2e-'));
const recording = join(folder, 'recording.ndjson');
let truth: Truth;
/** The broker of this run; a Kafka of its own, which takes a replay a dozen seconds more, is asked for once. */
let kafka: Readonly<Record<string, string>>;

/** Stopped in the middle of 400 conversations, so that many are still in their queues. */
beforeAll(async () => {
  const [{ brokers }, { url }] = await Promise.all([kafkaForTests(), registryForTests()]);
  kafka = { KAFKA_BROKERS: brokers.join(), SCHEMA_REGISTRY_URL: url, REPLICATION_FACTOR: '1' };
  const stream = generateEvents({ seed: 11, conversations: 400, conversationsPerSecond: 2 });
  const file = openSync(recording, 'w');
  let lines = 0;
  for (const { at, frame } of stream) {
    writeSync(file, `${JSON.stringify({ receivedAt: new Date(at).toISOString(), event: frame })}\n`);
    lines += 1;
    if (lines === 2_000) break;
  }
  closeSync(file);
  truth = stream.truth();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Printed {
  readonly key: string;
}

async function replay<T>(file: string, ...flags: readonly string[]): Promise<T[]> {
  return replayWith<T>({}, file, ...flags);
}

async function replayWith<T>(env: NodeJS.ProcessEnv, file: string, ...flags: readonly string[]): Promise<T[]> {
  const args = [bin, 'replay', file, '--quiet', ...flags];
  const options = { maxBuffer: 256 * 1024 * 1024, env: { ...process.env, ...env } };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
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

const CASES = join(__dirname, '../../fixtures/cases');
const linesOf = (file: string): string[] =>
  readFileSync(join(CASES, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '');

/** The worked cases of the specification that run with these settings, as one stream of conversations of their own. */
function writeCases(file: string, isWanted: (name: string) => boolean): ReadonlyMap<string, readonly unknown[]> {
  const files = readdirSync(CASES);
  const names = files
    .filter((each) => each.endsWith('.input.ndjson'))
    .map((each) => each.replace('.input.ndjson', ''))
    .filter(isWanted);
  const input: string[] = [];
  const expected = new Map<string, unknown[]>();
  for (const name of names) {
    const rename = (line: string): string =>
      line.replaceAll(/"(id|key|conversation_id)": *"(c\d)"/g, `"$1":"${name} $2"`);
    input.push(...linesOf(`${name}.input.ndjson`).map(rename));
    for (const line of linesOf(`${name}.expected.ndjson`).map(rename)) {
      const record = JSON.parse(line) as Printed;
      expected.set(record.key, [...(expected.get(record.key) ?? []), record]);
    }
  }
  const receivedAt = (line: string): string => (JSON.parse(line) as { receivedAt: string }).receivedAt;
  input.sort((a, b) => Date.parse(receivedAt(a)) - Date.parse(receivedAt(b)));
  writeFileSync(file, `${input.join('\n')}\n`);
  return expected;
}

describe('queuefold replay', () => {
  test.each([
    ['those of the default settings', 'disconnect', (name: string) => !name.startsWith('29c')],
    ['that of after-call work', 'acw', (name: string) => name.startsWith('29c')],
  ] as const)('gives the records of the worked cases on every log: %s', async (_, closeAfter, isWanted) => {
    const file = join(folder, `cases-${closeAfter}.ndjson`);
    const expected = writeCases(file, isWanted);
    // A deadline is kept by the next event of the partition, so the partitions have to be equal.
    const env = { CLOSE_AFTER: closeAfter, PARTITIONS: '1' };
    const inMemory = byKey(await replayWith<Printed>(env, file, '--print', 'records'));
    const onKafka = byKey(
      await replayWith<Printed>({ ...kafka, ...env }, file, '--print', 'records', '--log', 'kafka'),
    );
    expect(new Map([...inMemory].sort())).toEqual(new Map([...expected].sort()));
    expect(onKafka).toEqual(inMemory);
  });

  test('gives the worked cases of visits in memory and on a real Kafka', async () => {
    const file = join(folder, 'visits.ndjson');
    const rename = (name: string, line: string): string =>
      line.replaceAll(/"(id|conversation_id)": *"(c1)"/g, `"$1":"${name} $2"`);
    const of = (name: string, part: 'input' | 'expected'): string[] =>
      visitLinesOf(name, part).map((line) => rename(name, line));
    const receivedAt = (line: string): number => Date.parse((JSON.parse(line) as { receivedAt: string }).receivedAt);
    const input = visitCases().flatMap((name) => of(name, 'input'));
    writeFileSync(file, `${input.sort((a, b) => receivedAt(a) - receivedAt(b)).join('\n')}\n`);
    const expected = visitCases()
      .toSorted()
      .flatMap((name) => of(name, 'expected').map((line) => JSON.parse(line) as unknown));
    expect(await replay(file, '--print', 'visits')).toEqual(expected);
    expect(await replayWith(kafka, file, '--print', 'visits', '--log', 'kafka')).toEqual(expected);
  });

  test('--print visits prints the same of a day in memory and on a real Kafka, and is refused with VISITS=off', async () => {
    const day = join(folder, 'day.ndjson');
    writeFileSync(day, readFileSync(recording, 'utf8').split('\n').slice(0, 1_200).join('\n'));
    const inMemory = await replay(day, '--print', 'visits');
    expect(inMemory.length).toBeGreaterThan(150);
    expect(await replayWith(kafka, day, '--print', 'visits', '--log', 'kafka')).toEqual(inMemory);
    await expect(replayWith({ VISITS: 'off' }, day, '--print', 'visits')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('VISITS=on'),
    });
  });

  test('gives the same records, a key at a time, in memory and on a Kafka that it starts itself', async () => {
    const inMemory = await replay<Printed>(recording, '--print', 'records');
    const onKafka = await replay<Printed>(recording, '--print', 'records', '--log', 'embedded');
    expect(inMemory.length).toBeGreaterThan(1_000);
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
    expect(folded.length).toBeGreaterThan(100);
    const sorted = (list: readonly Record<string, unknown>[]) =>
      [...list].sort((a, b) => (String(a['conversation_id']) < String(b['conversation_id']) ? -1 : 1));
    expect(sorted(folded)).toEqual(sorted(known));
  });

  test('--strict exits with 1 if a line was invalid, and the others are folded all the same', async () => {
    const file = join(folder, 'broken.ndjson');
    const good = readFileSync(join(__dirname, '../../fixtures/cases/01-caller-waits.input.ndjson'), 'utf8');
    writeFileSync(file, `not json\n${good}`);
    await expect(replay(file, '--strict')).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('"c1"'),
    });
    expect(await replay(file)).toHaveLength(1);
  });

  test('says of the first invalid lines where they are and what is wrong, nothing of what is in them, and counts all', async () => {
    const file = join(folder, 'invalid.ndjson');
    writeFileSync(file, '{"secret": 1\n'.repeat(12));
    const { stderr } = await promisify(execFile)(process.execPath, [bin, 'replay', file]);
    const told = stderr.trimEnd().split('\n');
    expect(told.slice(0, 10)).toEqual(
      Array.from({ length: 10 }, (_, line) => expect.stringMatching(`^${file}:${line + 1}: invalid: not JSON`)),
    );
    expect(told.slice(10)).toEqual([
      'replay only counts further invalid lines',
      expect.stringMatching('^12 lines: 0 events, 0 skipped, 12 invalid;'),
    ]);
    expect(stderr).not.toContain('secret');
  });

  test('a wrong flag, time or file is explained', async () => {
    await expect(replay(recording, '--now', 'yesterday')).rejects.toMatchObject({ code: 2 });
    await expect(replay(recording, '--speed', '-1')).rejects.toMatchObject({ code: 2 });
    await expect(replay(join(folder, 'none.ndjson'))).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('none.ndjson: queuefold cannot read it'),
    });
  });
});

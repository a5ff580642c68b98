import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createIngest } from '../../../src/ingest';
import { recordMinimised } from '../../../src/record';
import { type Simulator, startSimulator } from '../../../src/simulator';
import { genesysSettings } from '../../support/genesys/genesys-settings';
import { ingestOptions } from '../../support/ingest/ingest-options';
import { startQueuefold, type Environment, type QueuefoldProcess } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';

const MARK = 'zzPRIVATEzz';
const LIMIT_MS = 120_000;
let folder: string;
let simulator: Simulator;
let env: Environment;
const disposers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queuefold-record-'));
  disposers.push(() => rm(folder, { recursive: true, force: true }));
  simulator = await startSimulator({
    seed: 4,
    conversationsPerSecond: 80,
    personalData: true,
    mark: MARK,
    startPaused: true,
  });
  disposers.push(() => simulator.stop());
  env = {
    ...genesysSettings(simulator),
  };
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

function start(args: readonly string[], more: Environment = env): QueuefoldProcess {
  const running = startQueuefold(args, more);
  disposers.push(() => running.kill());
  return running;
}

/** What a recording hears until it is stopped: nothing is sent while the test reads it. */
async function recording(args: readonly string[], what: string, hasEnough: () => boolean, more?: Environment) {
  const record = start(['record', ...args], more);
  simulator.resume();
  await until(what, LIMIT_MS, hasEnough);
  await record.stop();
  simulator.pause();
  return record;
}

const linesIn = (text: string): string[] => text.split('\n').slice(0, -1);
const linesOf = (path: string): string[] => (existsSync(path) ? linesIn(readFileSync(path, 'utf8')) : []);

async function replayed(...paths: readonly string[]): Promise<{ records: string[]; summary: string }> {
  const replay = start(['replay', ...paths, '--print', 'records'], {});
  await replay.done();
  return { records: linesIn(replay.stdout()), summary: replay.stderr() };
}

describe('queuefold record', () => {
  test('--raw keeps the frames, with a warning; minimised, they replay to exactly the same records', async () => {
    const path = join(folder, 'raw.ndjson');
    const record = await recording(['--out', path, '--raw'], 'frames', () => linesOf(path).length > 1_500);
    expect(record.stderr()).toMatch(/WARNING: --raw .*personal data/);
    expect(statSync(path).mode & 0o777).toBe(0o600);

    const text = readFileSync(path, 'utf8');
    expect(text.endsWith('}\n')).toBe(true);
    expect(text).toContain(MARK);
    const frames = linesIn(text).map((line) => JSON.parse(line) as { receivedAt: string; event: unknown });
    const minimise = recordMinimised(createIngest(await ingestOptions()));
    const minimised = frames.flatMap(({ receivedAt, event }) => {
      const frames = minimise(JSON.stringify(event), Date.parse(receivedAt));
      return frames.flatMap((one) => (one.kind === 'line' ? [`${one.line}\n`] : []));
    });
    const minimisedPath = join(folder, 'minimised.ndjson');
    await writeFile(minimisedPath, minimised.join(''));
    const [raw, small] = [await replayed(path), await replayed(minimisedPath)];
    expect(raw.records.length).toBeGreaterThan(500);
    expect(small.records).toEqual(raw.records);
  });

  test('records without --raw what Kafka would get, masked, in files that rotate and replay', async () => {
    const directory = join(folder, 'recordings');
    const settings = { ...env, PRIVACY_MASK: 'ani,dnis,subject', PRIVACY_KEY: 'the key of this test, of 32 bytes' };
    const files = (): string[] => (existsSync(directory) ? readdirSync(directory).sort() : []);
    const flags = ['--out', directory, '--rotate-bytes', '64KiB', '--gzip'];
    const record = await recording(flags, 'files', () => files().length >= 4, settings);
    let lines = 0;
    let masked = 0;
    for (const file of files()) {
      expect(file).toMatch(/^recording-\d{8}T\d{9}Z\.ndjson\.gz$/);
      const text = gunzipSync(readFileSync(join(directory, file))).toString();
      expect(text.length).toBeLessThanOrEqual(64 * 1024);
      expect(text.endsWith('}\n')).toBe(true);
      expect(text).not.toContain(MARK);
      masked += text.split('hmac-sha256:').length - 1;
      lines += linesIn(text).length;
    }
    const { summary } = await replayed(...files().map((file) => join(directory, file)));
    expect(summary).toContain(`${lines} lines: ${lines} events, 0 skipped, 0 invalid;`);
    expect(masked).toBeGreaterThan(100);
    expect(record.stderr()).toMatch(/\d+ frames recorded, \d+ skipped, 0 invalid; \d+ files, the last .*\.ndjson\.gz/);
  });

  test('--out - writes lines to stdout and nothing else', async () => {
    const record = start(['record', '--out', '-']);
    simulator.resume();
    await until('lines', LIMIT_MS, () => linesIn(record.stdout()).length > 10);
    await record.stop();
    simulator.pause();
    for (const line of linesIn(record.stdout())) {
      expect(JSON.parse(line)).toEqual({ receivedAt: expect.any(String), event: expect.any(Object) });
    }
  });

  test('a full disk ends it with 1 and names the file', async () => {
    const record = start(['record', '--out', '/dev/full']);
    simulator.resume();
    await expect(record.done()).rejects.toThrow(
      /ended with 1\n(.*\n)*queuefold: \/dev\/full: queuefold cannot write it \(.*ENOSPC.*\)\. Free some space/,
    );
  });

  test.each([
    [['--rotate-bytes', 'many'], /--rotate-bytes: "many" is not a size/],
    [['--rotate-minutes', '0'], /--rotate-minutes: "0" is not allowed. Give a number of minutes/],
    [['--out', '-', '--rotate-minutes', '1'], /not allowed with --out -/],
  ])('%j is wrong usage', async (args, message) => {
    const record = start(['record', ...args]);
    await expect(record.done()).rejects.toThrow(/ended with 2/);
    expect(record.stderr()).toMatch(message);
  });

  test('without an organisation it says what is missing', async () => {
    const record = start(['record', '--out', folder], {});
    await expect(record.done()).rejects.toThrow(/ended with 2\nqueuefold: GENESYS_REGION.*GENESYS_CLIENT_ID/);
  });
});

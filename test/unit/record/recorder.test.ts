import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { OperatorError, UsageError } from '../../../src/common';
import { recordingNames } from '../../../src/record/recording-names';
import { openRecordingFiles, type RecordingTarget } from '../../../src/record/target';
import { startRecordingWriter } from '../../../src/record/writer';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'queuefold-recorder-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const NEVER = { bytes: null, afterMs: null };
const files = (): string[] => readdirSync(folder).sort();
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const lines = (...texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(`${text}\n`));

describe('the files of a recording', () => {
  test('are readable by their owner only', async () => {
    const target = await openRecordingFiles(recordingNames(join(folder, 'a.ndjson'), 'plain'), 'plain', NEVER);
    await target.write(lines('1'));
    await target.close();
    expect(statSync(join(folder, 'a.ndjson')).mode & 0o777).toBe(0o600);
  });

  test('in a directory are called by their time; the directory is made, for its owner only', async () => {
    const directory = join(folder, 'made');
    const target = await openRecordingFiles(recordingNames(directory, 'plain'), 'plain', NEVER);
    await target.write(lines('1'));
    await target.close();
    expect(readdirSync(directory)).toEqual([expect.stringMatching(/^recording-\d{8}T\d{9}Z\.ndjson$/)]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  test('are rotated before they are larger than allowed; a line is never divided', async () => {
    const names = recordingNames(join(folder, 'a.ndjson'), 'plain');
    const target = await openRecordingFiles(names, 'plain', { bytes: 4, afterMs: null });
    await target.write(lines('1', '2', '3'));
    await target.write(lines('4', 'a long one', '5'));
    await target.close();
    expect(files().map((name) => [name, read(name)])).toEqual([
      ['a-2.ndjson', '3\n4\n'],
      ['a-3.ndjson', 'a long one\n'],
      ['a-4.ndjson', '5\n'],
      ['a.ndjson', '1\n2\n'],
    ]);
  });

  test('are rotated after their time, but not while they are empty', async () => {
    const names = recordingNames(join(folder, 'a.ndjson'), 'plain');
    const target = await openRecordingFiles(names, 'plain', { bytes: null, afterMs: 1 });
    const passed = () => new Promise((resolve) => setTimeout(resolve, 5));
    await passed();
    await target.rotate();
    await target.write(lines('1'));
    await passed();
    await target.rotate();
    await target.rotate();
    await target.write(lines('2'));
    await target.close();
    expect(files().map((name) => read(name))).toEqual(['2\n', '1\n']);
  });

  test('may be packed, and are whole after every write', async () => {
    const names = recordingNames(join(folder, 'a.ndjson.gz'), 'gzip');
    const target = await openRecordingFiles(names, 'gzip', { bytes: 8, afterMs: null });
    await target.write(lines('1'));
    await target.write(lines('2'));
    expect(gunzipSync(readFileSync(join(folder, 'a.ndjson.gz'))).toString()).toBe('1\n2\n');
    await target.write(lines('3', '4', '5'));
    await target.close();
    expect(files()).toEqual(['a-2.ndjson.gz', 'a.ndjson.gz']);
  });

  test('that would be empty are not left behind', async () => {
    const target = await openRecordingFiles(recordingNames(join(folder, 'a.ndjson'), 'plain'), 'plain', NEVER);
    await target.close();
    expect([files(), target.files()]).toEqual([[], []]);
  });

  test('never replace what is there', () => {
    writeFileSync(join(folder, 'a.ndjson'), 'precious');
    expect(() => recordingNames(join(folder, 'a.ndjson'), 'plain')).toThrow(UsageError);
    expect(() => recordingNames(join(folder, 'b.ndjson'), 'gzip')).toThrow(/--out: .* must end in \.gz with --gzip/);
    expect(() => recordingNames(join(folder, 'a.ndjson', 'b'), 'plain')).toThrow(OperatorError);
  });

  test('that cannot be written, as the disk is full, are named', async () => {
    const target = await openRecordingFiles(recordingNames('/dev/full', 'plain'), 'plain', NEVER);
    const full = target.write(lines('1'));
    await expect(full).rejects.toThrow(OperatorError);
    await expect(full).rejects.toThrow(/^\/dev\/full: queuefold cannot write it \(.*ENOSPC.*Free some space/);
    await target.close();
  });
});

/** A disk that is as slow as the test wants it. */
function aDisk() {
  const written: string[] = [];
  let release: (() => void) | null = null;
  let failure: Error | null = null;
  let closed = 0;
  const target: RecordingTarget = {
    write: async (buffers) => {
      await new Promise<void>((resolve) => (release = resolve));
      if (failure !== null) throw failure;
      written.push(...buffers.map(String));
    },
    rotate: () => Promise.resolve(),
    close: () => {
      closed++;
      return Promise.resolve();
    },
    files: () => [],
  };
  const let1Through = async (): Promise<void> => {
    while (release === null) await new Promise((resolve) => setTimeout(resolve, 2));
    const go = release;
    release = null;
    go();
  };
  return { target, written, let1Through, fail: (error: Error) => void (failure = error), closed: () => closed };
}

function writing(target: RecordingTarget, fullBytes: number) {
  const told: string[] = [];
  const [onFull, onRoom] = [() => void told.push('full'), () => void told.push('room')];
  return { told, writer: startRecordingWriter({ target, gatherMs: 0, fullBytes, onFull, onRoom }) };
}

describe('lines on their way to a disk', () => {
  test('are written in their order, what waits at the end included', async () => {
    const disk = aDisk();
    const { writer } = writing(disk.target, 1_000);
    writer.add('1');
    await disk.let1Through();
    writer.add('2');
    writer.add('3');
    const closed = writer.close();
    await disk.let1Through();
    await closed;
    await writer.done;
    expect([disk.written, disk.closed()]).toEqual([['1\n', '2\n', '3\n'], 1]);
  });

  test('do not fill the memory when it is slow: the writer stops the source, and lets it continue', async () => {
    const disk = aDisk();
    const { writer, told } = writing(disk.target, 10);
    for (let line = 0; line < 8; line++) writer.add(String(line));
    expect(told).toEqual(['full']);
    await disk.let1Through();
    const closed = writer.close();
    while (disk.written.length < 8) await disk.let1Through();
    await closed;
    expect(told).toEqual(['full', 'room']);
  });

  test('that cannot be written end it, and a stop does not wait for them', async () => {
    const disk = aDisk();
    const { writer } = writing(disk.target, 1_000);
    disk.fail(new OperatorError('full'));
    writer.add('1');
    await disk.let1Through();
    await expect(writer.done).rejects.toThrow('full');
    await writer.close();
    expect(disk.closed()).toBe(1);
  });
});

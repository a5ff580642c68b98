import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { identify } from '../../../src/embedded/identity';
import { inspect, sha256 } from '../../../src/embedded/inventory';
import type * as Maven from '../../../src/embedded/maven';
import type * as Parts from '../../../src/embedded/parts';
import { cacheDir, readPart } from '../../../src/embedded/parts';
import { temporaryFolders } from '../../support/files/folders';

// Small files stand for Kafka's 43 MB, which would be copied and hashed a hundred times.
const mockFiles = new Map<string, string>();
jest.mock('../../../src/embedded/parts', () => {
  const parts = jest.requireActual<typeof Parts>('../../../src/embedded/parts');
  const smallPart: typeof parts.readPart = async (name) => ({ ...(await parts.readPart(name)), files: mockFiles });
  return { ...parts, readPart: (name: Parts.PartName) => (name === 'kafka' ? smallPart : parts.readPart)(name) };
});
/** Loaded behind the mock: an import would be before it. */
const { fetchPart } = jest.requireActual<typeof Maven>('../../../src/embedded/maven');

// A stand-in for mvn hands out these files, counts how often it is called and fails on demand.
const newFolder = temporaryFolders();
const realPath = process.env['PATH'] ?? '';
const realCache = cacheDir();
let fetched: string;
let calls: string;
let mode: string;

beforeAll(async () => {
  fetched = await mkdtemp(join(tmpdir(), 'queuefold-test-'));
  for (const name of ['kafka-clients-4.1.0.jar', 'kafka_2.13-4.1.0.jar', 'log4j-core-2.24.3.jar']) {
    await writeFile(join(fetched, name), name.repeat(1_000));
    mockFiles.set(name, await sha256(join(fetched, name)));
  }
});
afterAll(() => rm(fetched, { recursive: true }));

beforeEach(async () => {
  const folder = await newFolder();
  calls = join(folder, 'calls');
  mode = join(folder, 'mode');
  await writeFile(calls, '');
  await writeFile(mode, 'good');
  await mkdir(join(folder, 'bin'));
  const maven = `#!/bin/sh
for argument; do case $argument in -DoutputDirectory=*) out=\${argument#*=};; esac; done
echo called >> '${calls}'
case $(cat '${mode}') in
  hanging) sleep 600 & echo $! > '${mode}'; wait;;
  offline) echo '[ERROR] Unknown host repo.example: Name or service not known'; exit 1;;
esac
mkdir -p "$out" && cp '${fetched}'/*.jar "$out"
case $(cat '${mode}') in
  damaged-once) : > "$out/kafka-clients-4.1.0.jar"; echo good > '${mode}';;
  damaged) : > "$out/kafka-clients-4.1.0.jar";;
  one-more) cp "$out/kafka-clients-4.1.0.jar" "$out/more.jar";;
esac
`;
  await writeFile(join(folder, 'bin', 'mvn'), maven);
  await chmod(join(folder, 'bin', 'mvn'), 0o755);
  process.env['PATH'] = `${join(folder, 'bin')}:${realPath}`;
  process.env['QUEUEFOLD_CACHE_DIR'] = join(folder, 'cache');
  delete process.env['MAVEN_HOME'];
});

const timesCalled = async () => (await readFile(calls, 'utf8')).split('\n').length - 1;

test('what was fetched once is not fetched again', async () => {
  const folder = await fetchPart('kafka');
  expect(await readdir(folder)).toContain('kafka_2.13-4.1.0.jar');
  expect(await fetchPart('kafka')).toBe(folder);
  expect(await timesCalled()).toBe(1);
});

test('of two that fetch at once, one does and the other waits for it', async () => {
  const progress: string[] = [];
  const fetch = () => fetchPart('kafka', (text) => progress.push(text));
  const [first, second] = await Promise.all([fetch(), fetch()]);
  expect(first).toBe(second);
  expect(progress).toContain(`Apache Kafka 4.1: process ${process.pid} fetches it. Waiting`);
  expect(await timesCalled()).toBe(1);
});

describe('a damaged cache is repaired', () => {
  test.each([
    ['a file is shorter', (jar: string) => truncate(jar, 1000)],
    ['a file is gone', (jar: string) => rm(jar)],
    ['a file has other bytes of the same length', flipByte],
    ['a file has other bytes, but the same length and time', flipByteUnseen],
    ['a jar that no checksum names lies beside the others', (jar: string) => cp(jar, join(jar, '..', 'more.jar'))],
    ['another file lies there', (jar: string) => writeFile(join(jar, '..', 'complete.json'), '{}')],
    ['a file is a link to what it should be', linkElsewhere],
  ])('%s', async (_what, damage) => {
    const folder = await fetchPart('kafka');
    const jar = join(folder, 'kafka-clients-4.1.0.jar');
    await damage(jar);
    expect(await fetchPart('kafka')).toBe(folder);
    expect(await timesCalled()).toBe(2);
    expect((await readFile(jar)).equals(await readFile(join(fetched, 'kafka-clients-4.1.0.jar')))).toBe(true);
    expect((await readdir(folder)).sort()).toEqual((await readdir(fetched)).sort());
    expect((await lstat(jar)).isFile()).toBe(true);
  });

  test('of the registry, too, whose files are unpacked: nothing may be changed, and nothing added', async () => {
    process.env['PATH'] = realPath;
    process.env['QUEUEFOLD_CACHE_DIR'] = realCache;
    const folder = await fetchPart('registry');
    const part = await readPart('registry');
    const copy = join(calls, '..', 'registry');
    await cp(folder, copy, { recursive: true, preserveTimestamps: true });
    expect(await inspect(copy, part)).toBe('complete');
    const jar = join(copy, 'apicurio-registry-app-3.0.9-runner.jar');
    await cp(jar, join(copy, 'lib', 'more.jar'));
    expect(await inspect(copy, part)).toEqual({ damaged: 'the unpacked folder' });
    await rm(join(copy, 'lib', 'more.jar'));
    await flipByteUnseen(jar);
    expect(await inspect(copy, part)).toEqual({ damaged: 'the unpacked folder' });
  });

  test('a file that was only touched is read, not fetched', async () => {
    const folder = await fetchPart('kafka');
    await utimes(join(folder, 'kafka-clients-4.1.0.jar'), new Date(), new Date());
    await fetchPart('kafka');
    expect(await timesCalled()).toBe(1);
  });

  test('a fetch that was killed half way counts for nothing', async () => {
    const folder = await fetchPart('kafka');
    await cp(folder, `${folder}.fetching/files`, { recursive: true });
    await rm(folder, { recursive: true });
    await truncate(join(`${folder}.fetching/files`, 'kafka-clients-4.1.0.jar'), 10);
    await fetchPart('kafka');
    expect(await timesCalled()).toBe(2);
    expect(await readdir(join(folder, '..'))).toEqual([folder.split('/').at(-1)]);
  });
});

describe('what Maven delivers is checked', () => {
  test('a damaged file is fetched again', async () => {
    await writeFile(mode, 'damaged-once');
    await fetchPart('kafka');
    expect(await timesCalled()).toBe(2);
  });

  test('a jar that no checksum names is not used', async () => {
    await writeFile(mode, 'one-more');
    await expect(fetchPart('kafka')).rejects.toThrow(/more\.jar is not in embedded\/checksums\.txt/);
  });

  test('a file that stays wrong is not used', async () => {
    await writeFile(mode, 'damaged');
    await expect(fetchPart('kafka')).rejects.toThrow(/kafka-clients-4\.1\.0\.jar is not the file that .*checksums/);
    await expect(fetchPart('kafka')).rejects.toThrow(/checksums/);
  });
});

test('a fetch that is told to stop ends Maven with all that it started, and the next one begins at once', async () => {
  await writeFile(mode, 'hanging');
  const stop = new AbortController();
  const fetching = fetchPart('kafka', undefined, stop.signal);
  let pid = NaN;
  while (!(pid > 0)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    pid = Number(await readFile(mode, 'utf8'));
  }
  expect(await identify(pid)).toBeDefined();
  stop.abort();
  await expect(fetching).rejects.toMatchObject({ name: 'AbortError' });
  while ((await identify(pid)) !== undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  await writeFile(mode, 'good');
  await fetchPart('kafka');
  expect(await timesCalled()).toBe(2);
});

test('without a network the message says what failed and what else can be done', async () => {
  await writeFile(mode, 'offline');
  await expect(fetchPart('kafka')).rejects.toThrow(
    /Apache Kafka 4\.1.*Unknown host repo\.example.*settings\.xml.*KAFKA_BROKERS.*--log memory/,
  );
});

test('without Maven the message names the alternatives', async () => {
  process.env['PATH'] = join(calls, '..', 'nothing-here');
  await expect(fetchPart('kafka')).rejects.toThrow(
    /^Maven: no mvn .*Java ≥ 17 and Maven.*container engine.*KAFKA_BROKERS.*--log memory/,
  );
});

async function flipByte(file: string): Promise<void> {
  const content = await readFile(file);
  content.writeUInt8(content.readUInt8(5_000) ^ 0xff, 5_000);
  await writeFile(file, content);
}

async function flipByteUnseen(file: string): Promise<void> {
  const { atime, mtime } = await stat(file);
  await flipByte(file);
  await utimes(file, atime, mtime);
}

async function linkElsewhere(file: string): Promise<void> {
  const elsewhere = join(file, '..', '..', 'elsewhere.jar');
  await rename(file, elsewhere);
  await symlink(elsewhere, file);
}

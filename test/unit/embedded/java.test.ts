import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { findJava, parseJavaVersion } from '../../../src/embedded/java';
import { temporaryFolders } from '../../support/files/folders';

const newFolder = temporaryFolders();
const ALTERNATIVES =
  /Java ≥ 17 and Maven.*container engine.*KAFKA_BROKERS.*SCHEMA_REGISTRY_URL.*queuefold start --log memory/;

beforeEach(() => {
  delete process.env['JAVA_HOME'];
});

async function fakeJava(folder: string, script: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'java');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

describe('looking for Java', () => {
  test('without one, the message names the alternatives', async () => {
    process.env['PATH'] = await newFolder();
    await expect(findJava()).rejects.toThrow(/^Java: no java in JAVA_HOME or on the PATH/);
    await expect(findJava()).rejects.toThrow(ALTERNATIVES);
  });

  test('one that is too old is named with its version', async () => {
    const folder = await newFolder();
    process.env['PATH'] = folder;
    const java = await fakeJava(folder, `echo 'openjdk version "11.0.21" 2023-10-17' >&2`);
    await expect(findJava()).rejects.toThrow(`${java} is version 11, but Kafka needs 17 or later`);
    await expect(findJava()).rejects.toThrow(ALTERNATIVES);
  });

  test('one that does not run is reported with what it said', async () => {
    const folder = await newFolder();
    process.env['PATH'] = folder;
    await fakeJava(folder, 'echo "cannot open libjvm" >&2; exit 1');
    await expect(findJava()).rejects.toThrow(/-version failed \(.*cannot open libjvm/s);
  });

  test('JAVA_HOME wins over the PATH', async () => {
    const folder = await newFolder();
    process.env['PATH'] = join(folder, 'path');
    process.env['JAVA_HOME'] = join(folder, 'home');
    await fakeJava(join(folder, 'path'), `echo 'openjdk version "11.0.21"' >&2`);
    const java = await fakeJava(join(folder, 'home', 'bin'), `echo 'openjdk version "21" 2023-09-19' >&2`);
    expect(await findJava()).toBe(java);
  });
});

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_392"', 8],
  ['Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "25-ea" 2025-09-16', 25],
  ['what is this', 0],
])('%s is Java %i', (output, version) => {
  expect(parseJavaVersion(output)).toBe(version);
});

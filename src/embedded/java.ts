import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, OperatorError } from '../common';
import { ALTERNATIVES } from './remedy';

const OLDEST_JAVA = 17;

/** The path of an executable in `home`/bin or on the PATH. */
export async function findProgram(name: string, home: string | undefined): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  if (home !== undefined && home !== '') folders.unshift(join(home, 'bin'));
  for (const folder of folders) {
    const path = join(folder, name);
    const executable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return path;
  }
  return undefined;
}

/** The path of a Java that is new enough: JAVA_HOME's, else the first on the PATH. Throws an OperatorError. */
export async function findJava(): Promise<string> {
  if (process.platform === 'win32') {
    throw new OperatorError(`embedded Kafka: it runs on Linux and macOS. On Windows use WSL. ${ALTERNATIVES}`);
  }
  const java = await findProgram('java', process.env['JAVA_HOME']);
  if (java === undefined) {
    throw new OperatorError(`Java: no java in JAVA_HOME or on the PATH, but Kafka needs it. ${ALTERNATIVES}`);
  }
  const version = await javaVersion(java);
  if (version < OLDEST_JAVA) {
    throw new OperatorError(
      `Java: ${java} is version ${version}, but Kafka needs ${OLDEST_JAVA} or later. ${ALTERNATIVES}`,
    );
  }
  return java;
}

async function javaVersion(java: string): Promise<number> {
  try {
    const { stdout, stderr } = await promisify(execFile)(java, ['-version'], { timeout: 30_000 });
    return parseJavaVersion(stderr + stdout);
  } catch (error) {
    throw new OperatorError(`Java: ${java} -version failed (${messageOf(error).trim()}). ${ALTERNATIVES}`);
  }
}

/** The feature version in the first line of `java -version`: 17 of "17.0.15", 8 of "1.8.0_392"; 0 if unknown. */
export function parseJavaVersion(output: string): number {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(output) ?? [];
  return Number((first === '1' ? second : first) ?? 0);
}

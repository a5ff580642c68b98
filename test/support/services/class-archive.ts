import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { startKafka } from '../../../src/embedded';
import { findJava } from '../../../src/embedded/java';
import { cacheDir, readPart } from '../../../src/embedded/parts';

/**
 * Kafka's classes as a JVM has them in memory (class-data sharing). A broker that maps this file does not load and check
 * the classes of its jars one by one.
 */
export interface ClassArchive {
  /** The JVM's flag for a file of more flags: the archive, as soon as there is one. */
  readonly flag: string;
  /** Makes the archive if this machine has none. It never rejects: without an archive the JVMs start as ever. */
  make(signal: AbortSignal): Promise<void>;
}

/** @param flags of the JVMs that use it @param folder for the run's files */
export async function openClassArchive(flags: readonly string[], folder: string): Promise<ClassArchive> {
  const options = join(folder, 'jvm.options');
  /** Replaces the file, because a JVM may read it at any moment. */
  const use = async (archive: string | undefined): Promise<void> => {
    // The JVM compares the archive with itself and with its class path. If they differ, it reads the jars instead.
    const text = archive === undefined ? '' : `-XX:SharedArchiveFile="${archive}" -Xlog:cds=off -Xlog:cds+dynamic=off`;
    await writeFile(`${options}.next`, text);
    await rename(`${options}.next`, options);
  };
  const known = await place(flags).catch(() => undefined);
  const isMade = known !== undefined && (await isWhole(known, flags));
  await use(isMade ? known.file : undefined);

  const make = async (signal: AbortSignal): Promise<void> => {
    const made = known ?? (await place(flags));
    const dataDir = join(folder, 'archive');
    const dumped = join(folder, 'classes.jsa');
    const kafka = await startKafka({ dataDir, jvmFlags: [...flags, `-XX:ArchiveClassesAtExit=${dumped}`], signal });
    await kafka.stop();
    signal.throwIfAborted();
    if (!(await isWhole({ ...made, file: dumped }, flags))) return;
    // Another run may make it, too. Each copies a file of its own, and the last one stays.
    const copy = `${made.file}.${randomUUID()}`;
    await mkdir(dirname(made.file), { recursive: true, mode: 0o700 });
    await copyFile(dumped, copy);
    await rename(copy, made.file);
    await use(made.file);
  };
  return {
    flag: `-XX:VMOptionsFile="${options}"`,
    make: (signal) => (isMade ? Promise.resolve() : make(signal).catch(() => undefined)),
  };
}

interface Place {
  readonly file: string;
  readonly java: string;
  readonly classPath: string;
}

/**
 * The file's name differs for each Java, each fetched set of jars and each set of flags. Rejects if Java or the jars are
 * missing.
 */
async function place(flags: readonly string[]): Promise<Place> {
  const [java, { fingerprint, files }] = [await realpath(await findJava()), await readPart('kafka')];
  const jars = join(cacheDir(), 'parts', `kafka-${fingerprint}`);
  const inputs = await Promise.all([java, jars].map(async (path) => [path, (await stat(path)).mtimeMs]));
  const key = createHash('sha256')
    .update(JSON.stringify([inputs, flags]))
    .digest('hex');
  return {
    file: join(cacheDir(), 'tests', `kafka-classes-${key.slice(0, 12)}.jsa`),
    java,
    classPath: [...files.keys()].map((jar) => join(jars, jar)).join(delimiter),
  };
}

/** Java 17 crashes on an archive whose end is missing, so one JVM checks the file for all others. */
async function isWhole({ file, java, classPath }: Place, flags: readonly string[]): Promise<boolean> {
  if (!existsSync(file)) return false;
  const strict = [`-XX:SharedArchiveFile=${file}`, '-Xshare:on', '-XX:+VerifySharedSpaces'];
  // A crash writes a report.
  const quiet = ['-XX:ErrorFile=/dev/null', '-XX:-CreateCoredumpOnCrash'];
  return promisify(execFile)(java, [...flags, ...strict, ...quiet, '-cp', classPath, '-version']).then(
    () => true,
    () => false,
  );
}

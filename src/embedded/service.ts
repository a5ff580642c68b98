import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from '../common';
import { findLine, startJvm, tailOf, type Jvm, type JvmExit } from './jvm';
import { acquireDataDir } from './lock';
import { keepOrFindPorts } from './ports';
import { keepPrivate } from './private';
import { namingPath } from './remedy';

/**
 * The common parts of Kafka and the registry: a folder of their own, remembered ports, and a JVM that must become
 * ready.
 */
export interface Service {
  readonly ports: readonly number[];
  readonly pid: () => number;
  /** Resolves when the JVM ended unexpectedly, with an error to show; after stop(), with undefined. */
  readonly ended: Promise<OperatorError | undefined>;
  kill9(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** Kafka, Apicurio: for messages and file names. */
  readonly title: string;
  readonly name: string;
  readonly dir: string;
  readonly java: string;
  readonly portCount: number;
  /** Files that may contain the reason of an end, the most likely first. */
  readonly logs: readonly string[];
  /** Called with the ports before each start; returns the JVM's arguments. */
  readonly prepare: (ports: readonly number[]) => Promise<readonly string[]>;
  /** Aborts the start: it stops the JVM and throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly isReady: (ports: readonly number[]) => Promise<boolean>;
}

const READY_WITHIN_MS = 120_000;
const STOP_GRACE_MS = 15_000;
const ABORT_GRACE_MS = 3_000;

export async function startService(options: ServiceOptions): Promise<Service> {
  const { dir } = options;
  keepPrivate();
  await namingPath('data directory', dir, async () => {
    await mkdir(join(dir, 'tmp'), { recursive: true, mode: 0o700 });
    // Closes a folder that an earlier version left open to others; this covers everything below it.
    await chmod(dir, 0o700);
  });
  const lock = await acquireDataDir(dir);
  try {
    return await startLocked(options, () => lock.release());
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startLocked(options: ServiceOptions, release: () => Promise<void>): Promise<Service> {
  const portsFile = join(options.dir, 'ports.json');
  let ports = await keepOrFindPorts(await readPorts(portsFile), options.portCount);
  let jvm: Jvm;
  try {
    jvm = await startAndWait(options, ports);
  } catch (error) {
    if (!(error instanceof PortTaken)) throw error;
    ports = await keepOrFindPorts(undefined, options.portCount); // somebody took it between the check and the start
    jvm = await startAndWait(options, ports);
  }
  await writeFile(portsFile, JSON.stringify(ports), { mode: 0o600 });

  let asked = false;
  let tellEnd: (problem: OperatorError | undefined) => void = () => undefined;
  const ended = new Promise<OperatorError | undefined>((resolve) => (tellEnd = resolve));
  const watch = (watched: Jvm) => {
    void watched.exited.then(async (exit) => {
      if (!asked && watched === jvm) tellEnd(await diedError(options, exit, 'ended unexpectedly'));
    });
  };
  watch(jvm);

  const kill9 = async () => {
    asked = true;
    await jvm.kill9();
  };
  const restart = async () => {
    asked = true;
    await jvm.stop(STOP_GRACE_MS);
    jvm = await startAndWait(options, ports);
    asked = false;
    watch(jvm);
  };
  const stop = async () => {
    asked = true;
    await jvm.stop(STOP_GRACE_MS);
    await release();
    tellEnd(undefined);
  };
  return { ports, pid: () => jvm.pid, ended, kill9, restart, stop };
}

class PortTaken extends OperatorError {}

const WHILE_STARTING = 'ended while starting';
const PORT_TAKEN = /Address already in use|BindException|already bound|Port .* in use/i;

async function startAndWait(options: ServiceOptions, ports: readonly number[]): Promise<Jvm> {
  const { dir, java, name } = options;
  const args = await namingPath('data directory', dir, () => options.prepare(ports));
  const jvm = await namingPath('data directory', dir, () =>
    startJvm({ java, dir, name, args: [...flags(dir), ...args] }),
  );
  let exit: JvmExit | undefined;
  void jvm.exited.then((how) => (exit = how));
  const isOver = () => exit;
  for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline;) {
    const how = isOver();
    if (how !== undefined) throw await diedError(options, how, WHILE_STARTING);
    if (await options.isReady(ports)) return jvm;
    if (options.signal?.aborted === true) {
      await jvm.stop(ABORT_GRACE_MS);
      options.signal.throwIfAborted();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await jvm.kill9();
  throw new OperatorError(
    `${options.title}: not ready after ${READY_WITHIN_MS / 1_000} s on port ${ports.join(', ')}.${await tailOf(options.logs)}`,
  );
}

/** The flags of both JVMs: they write nothing outside the folder, and end when memory runs out. */
function flags(dir: string): string[] {
  return [
    '-XX:+UseSerialGC',
    '-XX:-UsePerfData',
    '-XX:+ExitOnOutOfMemoryError',
    `-XX:ErrorFile=${join(dir, 'hs_err.log')}`,
    `-Djava.io.tmpdir=${join(dir, 'tmp')}`,
    '-Djava.awt.headless=true',
  ];
}

async function diedError(options: ServiceOptions, exit: JvmExit, what: string): Promise<OperatorError> {
  const tail = await tailOf(options.logs);
  const message = `${options.title}: ${what} (${exit.signal ?? `exit code ${exit.code ?? 'unknown'}`})`;
  // A whole orderly shutdown follows that line, and may have pushed it out of the last lines.
  const taken = what === WHILE_STARTING ? await findLine(options.logs, PORT_TAKEN) : null;
  if (taken !== null) {
    return new PortTaken(`${message}: another process has taken a port. Start queuefold again.\n  ${taken}${tail}`);
  }
  if (/No space left on device|ENOSPC/i.test(tail)) {
    return new OperatorError(`${message}: the disk of ${options.dir} is full. Free some space.${tail}`);
  }
  if (/OutOfMemoryError|Could not reserve enough space/i.test(tail)) {
    return new OperatorError(`${message}: not enough memory. Close other programs, or give it a larger heap.${tail}`);
  }
  if (exit.signal === 'SIGKILL') {
    return new OperatorError(
      `${message}: something killed it. On a machine that is short of memory this is the system.${tail}`,
    );
  }
  return new OperatorError(`${message}.${tail}`);
}

async function readPorts(file: string): Promise<number[] | undefined> {
  try {
    const read: unknown = JSON.parse(await readFile(file, 'utf8'));
    return Array.isArray(read) && read.every((port) => typeof port === 'number') ? read : undefined;
  } catch {
    return undefined;
  }
}

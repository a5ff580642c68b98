import { type Io, messageOf, OperatorError, proxySecrets } from '../common';
import { type Config, loadConfig, misspeltVariables, secretValues } from '../config';
import {
  collectProcessMetrics,
  createScrubber,
  createShutdown,
  exitCodeOf,
  exitOnUncaught,
  type ShutdownCause,
} from '../ops';
import { commandLogging, type Context, type GlobalOptions, versionedMetrics } from './context';
import type { CommandBody, CommandKind } from './program';

const STOP_DEADLINE_MS = 10_000;

/** Runs one command from its configuration to its exit code. It prints errors and never throws them. */
export async function execute(kind: CommandKind, globals: GlobalOptions, body: CommandBody, io: Io): Promise<number> {
  let config: Config;
  try {
    const file = globals.config === undefined ? {} : { file: globals.config };
    config = loadConfig({ env: process.env, ...file });
  } catch (error) {
    return printError(error, io, { secrets: () => proxySecrets(process.env), stack: globals.debug === true });
  }
  const quiet = globals.quiet === true;
  const secrets = () => [...secretValues(config), ...proxySecrets(process.env)];
  const { logger, redirect } = commandLogging(config, io, { quiet, debug: globals.debug === true, secrets });
  exitOnUncaught({ logger, process });
  const shutdown = createShutdown({
    ...{ logger, process, deadlineMs: STOP_DEADLINE_MS },
    level: kind.longRunning ? 'info' : 'debug',
  });
  const metrics = versionedMetrics();
  if (kind.longRunning) collectProcessMetrics(metrics.registry);
  const context: Context = { config, logger, redirectLogs: redirect, metrics, io, quiet, globals, shutdown };
  endQuietlyWithItsReader(context);
  stopReadingWhenTold(context);
  logger.debug({ pid: process.pid }, 'started');
  if (kind.longRunning) {
    for (const { name, meant } of misspeltVariables(process.env)) {
      logger.warn(`${name} is not a setting of queuefold, so it has no effect. Did you mean ${meant}?`);
    }
  }
  /** A clean end by a signal is a success only of a command that runs forever. */
  const endedBySignal = (cause: ShutdownCause) => (kind.longRunning ? 0 : exitCodeOf(cause));
  let code: number;
  try {
    const answered = (await body(context)) ?? 0;
    const cause = shutdown.cause();
    code = cause === null || answered !== 0 ? answered : endedBySignal(cause);
  } catch (error) {
    const cause = shutdown.cause();
    code =
      cause !== null && isConsequenceOf(error)
        ? endedBySignal(cause)
        : printError(error, io, { secrets, stack: logger.isLevelEnabled('debug') });
  }
  await shutdown.stop();
  shutdown.dispose();
  return code;
}

/** `queuefold … | head`: a reader that has seen enough is no error. */
function endQuietlyWithItsReader({ io, shutdown }: Context): void {
  io.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    shutdown.request('EPIPE');
  });
  io.stderr.on('error', () => undefined);
}

/** Nobody knows when the next line of a pipe comes. So a stop wakes the reader of stdin with an AbortError. */
function stopReadingWhenTold({ io, shutdown }: Context): void {
  const wake = () => {
    const reason = Object.assign(new Error('asked to stop'), { name: 'AbortError' });
    // Without a listener, the error would end the process.
    io.stdin.on('error', () => undefined);
    io.stdin.destroy(reason);
  };
  shutdown.signal.addEventListener('abort', wake, { once: true });
}

/** Whether a command threw the error because it had to stop, or because nobody reads its output any longer. */
function isConsequenceOf(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as NodeJS.ErrnoException).code === 'EPIPE');
}

function printError(
  error: unknown,
  io: Io,
  { secrets, stack }: { secrets: () => readonly string[]; stack: boolean },
): number {
  const { text } = createScrubber(secrets);
  io.stderr.write(`queuefold: ${text(sentenceOf(error))}\n`);
  if (stack && error instanceof Error && error.stack !== undefined) io.stderr.write(`${text(error.stack)}\n`);
  return error instanceof OperatorError ? error.exitCode : 1;
}

/** Some errors have no message: a refused connection to a name with several addresses. */
function sentenceOf(error: unknown): string {
  const message = messageOf(error);
  if (message !== '' || !(error instanceof Error)) return message;
  return (error as NodeJS.ErrnoException).code ?? error.name;
}

import { parentPort, workerData } from 'node:worker_threads';
import { processIo } from '../common';
import { answerMain, startFoldRole } from '../fold';
import { valuesOf } from '../ops';
import type { RunningRole } from '../wiring';
import { begin } from './begin';
import { type Context, type FoldThreadData, tracingOf } from './context';
import { execute } from './execute';
import { attemptConnected } from './role';

const LAST_WORDS_MS = 100;

/**
 * One thread of `queuefold fold`. It does the work of the whole role, except HTTP, which the main thread serves for
 * all.
 */
async function runFoldThread(context: Context, index: number): Promise<void> {
  const { config, metrics, shutdown } = context;
  const port = parentPort;
  if (port === null) throw new Error('fold-thread is not a program: start `queuefold fold`');
  const logger = context.logger.child({ thread: index });
  let role: RunningRole | null = null;
  let waitingFor: string | null = null;
  answerMain(port, {
    role: () => role,
    waitingFor: () => waitingFor,
    metrics: () => valuesOf(metrics),
    stop: () => shutdown.request('SIGTERM'),
  });
  const tracing = await tracingOf(context);
  const running = await begin({
    attempt: () =>
      attemptConnected({ ...context, logger }, (connected) =>
        startFoldRole({ config, logger, metrics, tracing, ...connected }),
      ),
    onWaiting: (message) => (waitingFor = message),
    signal: shutdown.signal,
    logger,
  });
  role = running;
  shutdown.onStop('fold', () => running.stop());
  await shutdown.until(running.done);
}

const { index, globals } = workerData as FoldThreadData;
void execute({ longRunning: true }, globals, (context) => runFoldThread(context, index), processIo()).then((code) =>
  // The main thread writes the lines of this one, and needs a moment for them.
  setTimeout(() => process.exit(code), LAST_WORDS_MS),
);

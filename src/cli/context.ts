import type { Io } from '../common';
import type { Config } from '../config';
import {
  createLogging,
  createMetrics,
  type Logger,
  type Logging,
  type LogLevel,
  type Metrics,
  type Shutdown,
  startTracing,
  type Tracing,
} from '../ops';
import { packageVersion } from './version';

/** The options of all commands. */
export interface GlobalOptions {
  readonly config?: string;
  readonly quiet?: true;
  readonly debug?: true;
}

/** The parts that every command gets. */
export interface Context {
  readonly config: Config;
  readonly logger: Logger;
  /** Sends log lines elsewhere while a full-screen table owns the terminal. */
  readonly redirectLogs: Logging['redirect'];
  readonly metrics: Metrics;
  readonly io: Io;
  /** Show no progress and no hints (`--quiet`). */
  readonly quiet: boolean;
  /** The options as the user gave them, for other threads of the command. */
  readonly globals: GlobalOptions;
  readonly shutdown: Shutdown;
}

/** The data that role.ts gives to each thread of `queuefold fold` (fold-thread.ts). */
export interface FoldThreadData {
  readonly index: number;
  readonly globals: GlobalOptions;
}

export interface LoggingWishes {
  readonly quiet: boolean;
  readonly debug: boolean;
  /** The current secrets, which no line may show. */
  readonly secrets: () => readonly string[];
}

export function commandLogging(config: Config, io: Io, wishes: LoggingWishes): Logging {
  return createLogging({
    level: levelOf(config.logLevel, wishes),
    write: (line) => {
      io.stderr.write(line);
    },
    format: io.stderr.isTTY === true ? (io.color ? 'colored' : 'pretty') : 'json',
    secrets: wishes.secrets,
  });
}

function levelOf(level: LogLevel, { quiet, debug }: Pick<LoggingWishes, 'quiet' | 'debug'>): LogLevel {
  if (debug) return level === 'trace' ? 'trace' : 'debug';
  return quiet && ['trace', 'debug', 'info'].includes(level) ? 'warn' : level;
}

export function versionedMetrics(): Metrics {
  const metrics = createMetrics();
  metrics.buildInfo.set({ version: packageVersion() }, 1);
  return metrics;
}

/** Starts tracing as the settings say. The shutdown exports the rest. Undefined: no tracing. */
export async function tracingOf({ config, logger, metrics, shutdown }: Context): Promise<Tracing | undefined> {
  const { endpoint, headers, ratio } = config.tracing;
  const options = { endpoint, headers: headers?.reveal(), ratio, version: packageVersion(), metrics, logger };
  const tracing = await startTracing(options);
  if (tracing === null) return undefined;
  shutdown.onStop('traces', () => tracing.stop());
  return tracing;
}

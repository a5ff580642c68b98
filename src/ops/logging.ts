import pino, { type Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { createScrubber, type Scrub } from './scrub';

export type { Logger } from 'pino';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggingOptions {
  readonly level: LogLevel;
  /** Writes one line, with its end. It must write at once, because the last line before a crash counts. */
  readonly write: (line: string) => void;
  /** `json` for machines; `pretty` and `colored` for a terminal. */
  readonly format: 'json' | 'pretty' | 'colored';
  /**
   * Values that no line may show; a function gives those of the moment. They should not get here, so this is the second
   * line of defense.
   */
  readonly secrets: readonly string[] | (() => readonly string[]);
}

export interface Logging {
  readonly logger: Logger;
  /** Sends lines elsewhere, while a full-screen table owns the terminal; null: back to `write`. */
  redirect(write: ((line: string) => void) | null): void;
}

/** Fields with credentials, from whatever source: for instance the options of a client, which an error quotes. */
const CREDENTIAL_FIELDS = ['password', 'secret', 'clientSecret', 'client_secret', 'authorization', 'Authorization'];
const REDACTED = CREDENTIAL_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

export function createLogging({ level, write, format, secrets }: LoggingOptions): Logging {
  const scrub = createScrubber(secrets);
  const render = format === 'json' ? scrub.line : prettyRenderer(scrub, format);
  let target = write;
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: '********' },
    },
    { write: (line: string) => target(render(line)) },
  );
  return {
    logger,
    redirect: (other) => {
      target = other ?? write;
    },
  };
}

function prettyRenderer(scrub: Scrub, format: 'pretty' | 'colored'): (line: string) => string {
  const pretty = prettyFactory({ colorize: format === 'colored', translateTime: 'SYS:HH:MM:ss', singleLine: true });
  // Texts of others may contain escape sequences. JSON escapes them, and the pretty form would not.
  return (line) => pretty(scrub.object(line));
}

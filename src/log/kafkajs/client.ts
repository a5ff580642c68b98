import { createRequire } from 'node:module';
import type * as KafkaJs from 'kafkajs';
import type { CompressionTypes, Kafka, KafkaConfig, LogEntry, RetryOptions, SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import { OperatorError, type TlsMaterial } from '../../common';
import type { Compression } from './compression';
import { applyRepairs } from './repairs';

/** How to reach the brokers. */
export interface KafkaConnection {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Absent: no TLS. */
  readonly ssl?: TlsMaterial;
  readonly sasl?: SASLOptions;
  /** The compression of written records; absent: none. */
  readonly compression?: Compression;
  readonly logger: Logger;
}

/** The version for which the repairs were made and tested. */
const KAFKAJS_VERSION = '2.2.4';

const load = createRequire(__filename);
let loaded: typeof KafkaJs | null = null;

/**
 * The only way to kafkajs: it checks the version and applies the repairs before it loads kafkajs.
 * @throws OperatorError if another version is installed
 */
export function kafkajs(): typeof KafkaJs {
  if (loaded === null) {
    const { version } = load('kafkajs/package.json') as { version: string };
    if (version !== KAFKAJS_VERSION) {
      throw new OperatorError(
        `kafkajs ${version} is installed, but queuefold's repairs of it were made for ${KAFKAJS_VERSION}. ` +
          `Install exactly that: npm install --save-exact kafkajs@${KAFKAJS_VERSION}`,
      );
    }
    applyRepairs();
    loaded = load('kafkajs') as typeof KafkaJs;
  }
  return loaded;
}

/**
 * How often and how fast kafkajs repeats a failed request, about 6 s in all; it has an effect only here, on `new
 * Kafka`. After that the callers begin again with fresh connections, for as long as it takes.
 */
export const PATIENT: RetryOptions = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 9 };
/** For producers outside of transactions, which must not give a batch up lightly: about two minutes. */
export const VERY_PATIENT: RetryOptions = { ...PATIENT, retries: 125 };
/** For the first contact: a user should learn of a wrong address soon. */
export const IMPATIENT: RetryOptions = { ...PATIENT, retries: 4 };

export function createClient(connection: KafkaConnection, retry: RetryOptions): Kafka {
  const { Kafka: Client, logLevel } = kafkajs();
  const { brokers, clientId, ssl, sasl, logger } = connection;
  const config: KafkaConfig = {
    brokers: [...brokers],
    clientId,
    retry,
    connectionTimeout: 3_000,
    requestTimeout: 30_000,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => report(logger, entry, entry.level === logLevel.ERROR),
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
  };
  return new Client(config);
}

/** The compression of a producer, by kafkajs's name. */
export function compressionOf({ compression }: Pick<KafkaConnection, 'compression'>): CompressionTypes {
  const { CompressionTypes: types } = kafkajs();
  if (compression === undefined) return types.None;
  return { gzip: types.GZIP, snappy: types.Snappy, lz4: types.LZ4, zstd: types.ZSTD }[compression];
}

/**
 * When a broker is away, every connection says so, up to ten times. The same sentence is a warning once within this
 * time.
 */
const REPEAT_MS = 30_000;
const said = new WeakMap<Logger, Map<string, number>>();

/**
 * kafkajs logs every error answer of a broker as an error, rebalances included, and throws it as well. The code that
 * handles a thrown error reports it. Only errors that nobody would see otherwise are warnings here.
 */
function report(logger: Logger, { namespace, log }: LogEntry, isError: boolean): void {
  const { message, ...fields } = log;
  const entry = { namespace, error: fields['error'] as unknown, retryCount: fields['retryCount'] as unknown };
  const isTold = !isError || namespace === 'Connection' || namespace === 'Runner' || isRepeated(logger, message);
  if (isTold) logger.debug(entry, `kafkajs: ${message}`);
  else logger.warn(entry, `kafkajs: ${message}`);
}

function isRepeated(logger: Logger, message: string): boolean {
  const times = said.get(logger) ?? new Map<string, number>();
  said.set(logger, times);
  const now = Date.now();
  for (const [old, at] of times) if (now - at > REPEAT_MS) times.delete(old);
  if (times.has(message)) return true;
  times.set(message, now);
  return false;
}

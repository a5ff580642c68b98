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
  /** How what is written is compressed; absent: not at all. */
  readonly compression?: Compression;
  readonly logger: Logger;
}

/** The version that the repairs were made for and tested with. */
export const KAFKAJS_VERSION = '2.2.4';

const load = createRequire(__filename);
let loaded: typeof KafkaJs | null = null;

/**
 * The only way to kafkajs: the version is checked and the repairs are applied before it is loaded.
 * @throws OperatorError when another version is installed
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
 * How often and how fast kafkajs repeats what failed, about 6 s in all; it counts only here, on `new Kafka`. What is beyond
 * is for the callers: they begin again with fresh connections, for as long as it takes.
 */
export const PATIENT: RetryOptions = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 9 };
/** For producers outside of transactions, whose batches must not be given up lightly: about two minutes. */
export const VERY_PATIENT: RetryOptions = { ...PATIENT, retries: 125 };
/** For the first contact: a wrong address should be told soon. */
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

/** What a producer is to compress with, as kafkajs calls it. */
export function compressionOf({ compression }: Pick<KafkaConnection, 'compression'>): CompressionTypes {
  const { CompressionTypes: types } = kafkajs();
  if (compression === undefined) return types.None;
  return { gzip: types.GZIP, snappy: types.Snappy, lz4: types.LZ4, zstd: types.ZSTD }[compression];
}

/** A broker that is away makes every connection say so, ten times over: the same sentence is a warning once in this time. */
const REPEAT_MS = 30_000;
const said = new WeakMap<Logger, Map<string, number>>();

/**
 * kafkajs logs as an error whatever a broker answers, rebalances included, and throws it as well. What it throws is told
 * where it is handled; only what nobody may see otherwise is a warning here.
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

import { AwayError, explainTls, messageOf, OperatorError, type Peer, UsageError } from '../../common';
import type { KafkaConnection } from './client';
import type { KafkajsError } from './internals';

export interface Unreachable {
  /** Why no broker could be used. */
  readonly detail: string;
  /** The remedy; null: none is certain. */
  readonly remedy: string | null;
  /** True: a setting of this process is wrong. */
  readonly isConfiguration: boolean;
}

/** Explains kafkajs's failure to connect to the operator: it tells certificates and credentials from other causes. */
export async function explainUnreachable({ ssl, sasl }: KafkaConnection, error: unknown): Promise<Unreachable> {
  const tls = await explainTls(error, {
    ...{ address: 'KAFKA_BROKERS', ca: 'KAFKA_SSL_CA', pair: 'KAFKA_SSL' },
    hasCertificate: ssl?.cert !== undefined,
    peer: brokerOf(error),
  });
  if (tls !== null) return tls;
  const root = rootOf(error);
  const detail = messageOf(root).replace(/^Connection error: /, '');
  // An error of the token endpoint: it contains everything.
  if (root instanceof OperatorError) return { detail, remedy: null, isConfiguration: root instanceof UsageError };
  if (isAuthentication(error)) {
    const set =
      sasl?.mechanism === 'oauthbearer'
        ? 'KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and the KAFKA_SASL_OAUTH_… settings'
        : 'KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD';
    return { detail, remedy: `Check KAFKA_SASL_MECHANISM, ${set}.`, isConfiguration: true };
  }
  return { detail, remedy: null, isConfiguration: false };
}

/** @returns AwayError, or UsageError if a setting is wrong */
export async function unreachableError(connection: KafkaConnection, error: unknown): Promise<OperatorError> {
  const { detail, remedy, isConfiguration } = await explainUnreachable(connection, error);
  const Problem = isConfiguration ? UsageError : AwayError;
  return new Problem(
    `KAFKA_BROKERS: cannot reach ${connection.brokers.join(', ')} (${detail}). ` +
      (remedy ?? 'Is the broker up, and does advertised.listeners match?'),
    { cause: error },
  );
}

/** Of several brokers, the one that could not be used. */
function brokerOf(error: unknown): Peer | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const [, host, port] = ('broker' in cause && /^(.+):(\d+)$/.exec(String(cause.broker))) || [];
    if (host !== undefined) return { host, port: Number(port) };
  }
  return null;
}

function rootOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error && !(cause instanceof OperatorError))
    cause = cause.cause;
  return cause;
}

function isAuthentication(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name === 'KafkaJSSASLAuthenticationError') return true;
  }
  return false;
}

/** kafkajs marks errors that may pass. It does not know whether a failed connection will. */
export function isPassing(error: unknown): boolean {
  if (error instanceof AwayError) return true;
  for (let cause = error; cause instanceof Error && !(cause instanceof OperatorError); cause = cause.cause) {
    if ((cause as KafkajsError).retriable === true || cause.name.startsWith('KafkaJSConnection')) return true;
  }
  return false;
}

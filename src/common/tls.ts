import { validitiesOf, type Peer } from './peer-certificate';

/**
 * The certificates of one end of a TLS connection. Each connection reads them again, because somebody may have renewed
 * the files.
 */
export interface TlsMaterial {
  /** Undefined: the authorities of Node.js, with those of `NODE_EXTRA_CA_CERTS`. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** The settings that a TLS connection depends on. */
export interface TlsSettings {
  /** Names the server, e.g. `KAFKA_BROKERS`. */
  readonly address: string;
  /** The setting with the trusted authorities. */
  readonly ca: 'KAFKA_SSL_CA' | 'TLS_CA';
  /**
   * The prefix of the settings for our certificate and its key: `KAFKA_SSL` for `KAFKA_SSL_CERT` and `KAFKA_SSL_KEY`.
   */
  readonly pair: 'KAFKA_SSL' | 'CLICKHOUSE_SSL';
  /** False: this end has shown no certificate, so the server misses one if it refuses one. */
  readonly hasCertificate: boolean;
  /** The server, which tells the dates of a certificate that is refused because of them; null: it is not known. */
  readonly peer: Peer | null;
}

export interface TlsProblem {
  /** What is wrong with which certificate, with the code of Node.js or OpenSSL. */
  readonly detail: string;
  /** A sentence that names the setting. */
  readonly remedy: string;
  /** True: a setting of this process is wrong, or probably is (exit code 2). */
  readonly isConfiguration: boolean;
}

type Explain = (settings: TlsSettings) => Omit<TlsProblem, 'detail'> & { readonly what: string };

const UNKNOWN_AUTHORITY: Explain = ({ ca }) => ({
  what: 'its certificate is signed by an authority that this machine does not trust',
  remedy: `Set ${ca}_FILE to the PEM file with the certificate of that authority. Add the intermediate certificates if the server does not send them. A self-signed certificate is its own authority.`,
  isConfiguration: true,
});
const CLIENT_MISSING: Explain = ({ pair }) => ({
  what: 'it wants a client certificate',
  remedy: `Set ${pair}_CERT_FILE and ${pair}_KEY_FILE.`,
  isConfiguration: true,
});
const CLIENT_REFUSED: Explain = (settings) =>
  settings.hasCertificate
    ? {
        what: 'it does not accept the client certificate of queuefold',
        remedy: `${settings.pair}_CERT must be valid, be made for client authentication, and come from an authority that the server trusts. ${settings.pair}_KEY is its key.`,
        isConfiguration: true,
      }
    : CLIENT_MISSING(settings);
const EXPIRED = 'CERT_HAS_EXPIRED';
const NOT_YET_VALID = 'CERT_NOT_YET_VALID';
const DATED: Explain = () => ({
  what: 'its certificate has expired',
  remedy: 'Renew it at the server, or correct the clock of this machine.',
  isConfiguration: false,
});
const CLIENT_DATED: Explain = ({ pair }) => ({
  what: 'it says that the client certificate of queuefold has expired',
  remedy: `Renew ${pair}_CERT.`,
  isConfiguration: true,
});

/** Node.js gives it the code of any connection that was reset. */
const ENDED_WITHIN = 'ENDED_WITHIN_HANDSHAKE';
const ENDED: Explain = ({ address }) => ({
  what: 'it ended the connection during the TLS handshake',
  remedy: `Does the port in ${address} speak TLS?`,
  isConfiguration: false,
});

/** By the codes of Node.js (`X509_V_ERR_…` without its beginning) and OpenSSL (alerts of the other side). */
const KNOWN: Readonly<Record<string, Explain>> = {
  [EXPIRED]: DATED,
  [NOT_YET_VALID]: (settings) => ({ ...DATED(settings), what: 'its certificate is not valid yet' }),
  ERR_TLS_CERT_ALTNAME_INVALID: ({ address }) => ({
    what: 'its certificate is for other names',
    remedy: `Use one of its names in ${address} (for Kafka also in advertised.listeners), or give the server a certificate with this name.`,
    isConfiguration: true,
  }),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: UNKNOWN_AUTHORITY,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: CLIENT_MISSING,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: CLIENT_DATED,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: CLIENT_REFUSED,
  ERR_SSL_WRONG_VERSION_NUMBER: ({ address, ca }) => ({
    what: 'it does not speak TLS',
    remedy: `${address} names a port without TLS. Name the one with TLS, or ${ca === 'KAFKA_SSL_CA' ? 'set KAFKA_SSL=false' : 'begin the URL with http:'}.`,
    isConfiguration: true,
  }),
  [ENDED_WITHIN]: ENDED,
};
/** Two names of one problem. */
const NAMES: Readonly<Record<string, string>> = { ERR_SSL_PACKET_LENGTH_TOO_LONG: 'ERR_SSL_WRONG_VERSION_NUMBER' };

/** Explains a failed TLS handshake to the operator. Null: the error is of another kind. */
export async function explainTls(error: unknown, settings: TlsSettings): Promise<TlsProblem | null> {
  const failed = failureOf(error);
  if (failed === null) return null;
  const { code, message } = failed;
  const { what, ...rest } = failed.explain(settings);
  const names = /altnames?: (.*)$/s.exec(message)?.[1];
  const more = names ?? (await dateOf(code, settings.peer));
  return { detail: `${what} (${code}${more === null ? '' : `: ${more}`})`, ...rest };
}

/** The code of a failed TLS handshake: one of a few, so metrics may have it. Null for errors of other kinds. */
export function tlsCodeOf(error: unknown): string | null {
  return failureOf(error)?.code ?? null;
}

function failureOf(
  error: unknown,
): { readonly code: string; readonly message: string; readonly explain: Explain } | null {
  for (let cause = error; typeof cause === 'object' && cause !== null; cause = 'cause' in cause ? cause.cause : null) {
    const message = 'message' in cause ? String(cause.message) : '';
    const said = codeOf('code' in cause ? cause.code : null, message);
    const code = said === null ? null : (NAMES[said] ?? said);
    const explain = code === null ? undefined : KNOWN[code];
    if (code !== null && explain !== undefined) return { code, message, explain };
  }
  return null;
}

/** The date for which a certificate is refused. The error of Node.js does not contain it. */
async function dateOf(code: string, peer: Peer | null): Promise<string | null> {
  if (peer === null || (code !== EXPIRED && code !== NOT_YET_VALID)) return null;
  const now = Date.now();
  for (const { fromMs, toMs } of await validitiesOf(peer)) {
    if (code === EXPIRED && toMs < now) return `valid until ${new Date(toMs).toISOString()}`;
    if (code === NOT_YET_VALID && fromMs > now) return `valid from ${new Date(fromMs).toISOString()}`;
  }
  return null;
}

/** Node 20 gives some of OpenSSL's errors the code EPROTO and their reason only as text. */
function codeOf(code: unknown, message: string): string | null {
  if (message.includes('disconnected before secure TLS connection')) return ENDED_WITHIN;
  if (typeof code === 'string' && code !== 'EPROTO') return code;
  const reason = /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1];
  return reason === undefined ? null : `ERR_SSL_${reason.trim().toUpperCase().replace(/\s+/g, '_')}`;
}

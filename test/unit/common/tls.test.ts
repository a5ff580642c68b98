import { describe, expect, test } from '@jest/globals';
import { explainTls, tlsCodeOf } from '../../../src/common/tls';

const SETTINGS = {
  address: 'CLICKHOUSE_URL',
  ca: 'TLS_CA',
  pair: 'CLICKHOUSE_SSL',
  hasCertificate: false,
  peer: null,
} as const;
const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('an error of TLS is explained', () => {
  test('wherever it stands among the causes', async () => {
    const error = new Error('fetch failed', { cause: new Error('retried', { cause: withCode('CERT_HAS_EXPIRED') }) });
    expect(tlsCodeOf(error)).toBe('CERT_HAS_EXPIRED');
    expect(await explainTls(error, SETTINGS)).toEqual({
      detail: 'its certificate has expired (CERT_HAS_EXPIRED)',
      remedy: 'Renew it at the server, or correct the clock of this machine.',
      isConfiguration: false,
    });
  });

  test('with the setting to look at', async () => {
    expect((await explainTls(withCode('SELF_SIGNED_CERT_IN_CHAIN'), SETTINGS))?.remedy).toContain('TLS_CA_FILE');
    expect((await explainTls(withCode('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), SETTINGS))?.remedy).toContain(
      'CLICKHOUSE_SSL_CERT_FILE and CLICKHOUSE_SSL_KEY_FILE',
    );
  });

  test('with the names that the certificate has', async () => {
    const message = "Hostname/IP does not match certificate's altnames: Host: a. is not in the cert's altnames: DNS:b";
    expect((await explainTls(withCode('ERR_TLS_CERT_ALTNAME_INVALID', message), SETTINGS))?.detail).toContain('DNS:b');
  });

  test('by its text, where Node gives it no code of its own', async () => {
    const message = '139:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:ssl3_record.c:354:\n';
    expect((await explainTls(withCode('EPROTO', message), SETTINGS))?.detail).toBe(
      'it does not speak TLS (ERR_SSL_WRONG_VERSION_NUMBER)',
    );
  });
});

test('errors of other kinds are not', async () => {
  expect(tlsCodeOf(withCode('ECONNREFUSED'))).toBeNull();
  expect(await explainTls(withCode('ECONNREFUSED'), SETTINGS)).toBeNull();
  expect(await explainTls('text', SETTINGS)).toBeNull();
});

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { OperatorError, type TlsMaterial } from '../../../src/common';
import { checkRegistry, createRegistrySchemas, loadSchema, registerSchema } from '../../../src/log';
import { checkStore, connectStore } from '../../../src/store/client';
import { answeringClickHouse } from '../../support/clickhouse/answering-clickhouse';
import { queryWith } from '../../support/clickhouse/query';
import {
  createAuthority,
  type Authority,
  type Certificate,
  type CertificateWishes,
} from '../../support/network/certificates';
import { admitting, startHttpsFront, type HttpFront, type HttpsFrontOptions } from '../../support/network/http-front';
import { registryForTests } from '../../support/services/services';

const EXPIRED = { notBefore: new Date('2024-01-01'), notAfter: new Date('2024-02-01') };
const PASSWORD = 'marked-password';
const logger = pino({ enabled: false });

let authority: Authority;
let client: Certificate;
const fronts: HttpFront[] = [];
beforeAll(async () => {
  authority = await createAuthority();
  client = await authority.issue({ name: 'sink' });
});
afterAll(async () => {
  for (const front of fronts) await front.stop();
});

async function front(options: HttpsFrontOptions, wishes: Partial<CertificateWishes> = {}): Promise<string> {
  const certificate = await authority.issue({ name: 'server', ...wishes });
  const started = await startHttpsFront({ ...certificate, ...options });
  fronts.push(started);
  return started.url;
}

const trusting = (more: Partial<TlsMaterial> = {}): TlsMaterial => ({
  ca: authority.cert,
  cert: undefined,
  key: undefined,
  ...more,
});
const mutual = () => ({ ca: authority.cert, requestCert: true, rejectUnauthorized: true });

async function problemOf(work: () => Promise<unknown>): Promise<readonly [message: string, exitCode: number]> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    expect(error.message).not.toContain(PASSWORD);
    return [error.message, error.exitCode];
  }
  throw new Error('it was let in');
}

const NEVER_TRUSTED = { ca: undefined, cert: undefined, key: undefined };

/** What both have to say of certificates. */
const PROBLEMS: readonly (readonly [string, Partial<CertificateWishes>, () => TlsMaterial, number, RegExp])[] = [
  ['an authority that is not known', {}, () => NEVER_TRUSTED, 2, /does not trust \(\w+\)\. Set TLS_CA_FILE/],
  [
    'an expired certificate',
    EXPIRED,
    trusting,
    1,
    /its certificate has expired \(CERT_HAS_EXPIRED: valid until 2024-02-01T00:00:00\.000Z\)\. Renew it/,
  ],
  [
    'one for another host',
    { hosts: ['elsewhere.example'] },
    trusting,
    2,
    /for other names \(ERR_TLS_CERT_ALTNAME_INVALID/,
  ],
];

describe('ClickHouse behind TLS', () => {
  let server: Awaited<ReturnType<typeof answeringClickHouse>>;
  beforeAll(async () => {
    server = await answeringClickHouse(() => '{"version":"26.7.2.1"}\n');
  });
  afterAll(() => server.stop());

  const version = async (url: string, tls: TlsMaterial, password = PASSWORD): Promise<string> => {
    const store = connectStore({ url, username: 'sink', password, database: 'q', tls });
    try {
      return await checkStore(store);
    } finally {
      await store.close();
    }
  };

  test('is reached with the authority, the user and the password', async () => {
    const url = await front({ target: server.url, admits: admitting('sink', PASSWORD) });
    expect(await version(url, trusting())).toBe('26.7.2.1');
    await expect(version(url, trusting(), 'another')).rejects.toThrow();
  });

  test('is reached with a client certificate, with a password and without', async () => {
    const shown: unknown[] = [];
    const url = await front({
      ...{ target: server.url, ...mutual() },
      admits: ({ headers }) => shown.push(headers['x-clickhouse-ssl-certificate-auth']) > 0,
    });
    for (const password of [PASSWORD, '']) expect(await version(url, trusting(client), password)).toBe('26.7.2.1');
    // ClickHouse refuses both at once: only without a password the certificate says who we are.
    expect(shown).toEqual([undefined, 'on']);
    expect(await problemOf(() => version(url, trusting()))).toEqual([
      expect.stringMatching(/wants a client certificate .*CLICKHOUSE_SSL_CERT_FILE/),
      2,
    ]);
  });

  test('is asked by `queuefold query` in the same way', async () => {
    const shown: unknown[] = [];
    const url = await front({
      ...{ target: server.url, ...mutual() },
      admits: ({ headers }) => shown.push(headers['x-clickhouse-ssl-certificate-auth']) > 0,
    });
    const tls = { TLS_CA: authority.cert, CLICKHOUSE_SSL_CERT: client.cert, CLICKHOUSE_SSL_KEY: client.key };
    for (const password of [PASSWORD, '']) {
      const query = queryWith(() => ({
        ...tls,
        ...{ CLICKHOUSE_URL: url, CLICKHOUSE_PASSWORD: password },
      }));
      expect(await query('SELECT version() AS version', { format: 'ndjson' })).toMatchObject({
        code: 0,
        stdout: '{"version":"26.7.2.1"}\n',
      });
    }
    expect(shown).toEqual([undefined, 'on']);
  });

  test.each(PROBLEMS)('%s is explained', async (_, wishes, tls, exitCode, said) => {
    const url = await front({ target: server.url }, wishes);
    expect(await problemOf(() => version(url, tls()))).toEqual([expect.stringMatching(said), exitCode]);
  });
});

describe('the registry behind TLS', () => {
  const schema = loadSchema('queue-conversation');
  const basic = (password: string) => () =>
    Promise.resolve(`Basic ${Buffer.from(`setup:${password}`).toString('base64')}`);
  const optionsOf = (url: string, tls: TlsMaterial) => ({ url, tls, logger, authorization: basic(PASSWORD) });

  test('is used with the authority, the user and the password: registered, looked up, examined', async () => {
    const { url: target } = await registryForTests();
    const url = await front({ target, ...mutual(), admits: admitting('setup', PASSWORD) });
    const options = optionsOf(url, trusting(client));
    const subject = `tls-${process.pid}-value`;
    expect(await registerSchema(options, subject, schema, 'apply')).toBe('registered');
    expect(await createRegistrySchemas(options).idOf(subject, schema)).toBeGreaterThan(0);
    const findings = await checkRegistry({ registry: options, subjects: [{ subject, schema }] });
    expect(findings.map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
    const wrong = { ...options, authorization: basic('another') };
    expect(await problemOf(() => registerSchema(wrong, subject, schema, 'apply'))).toEqual([
      expect.stringContaining('refuses queuefold (HTTP 401). Check SCHEMA_REGISTRY_USERNAME'),
      2,
    ]);
  });

  test.each(PROBLEMS)('%s is explained', async (_, wishes, tls, exitCode, said) => {
    const options = optionsOf(await front({ target: 'http://127.0.0.1:1' }, wishes), tls());
    const register = () => registerSchema(options, 'x-value', schema, 'apply');
    expect(await problemOf(register)).toEqual([expect.stringMatching(said), exitCode]);
    const [reached] = await checkRegistry({ registry: options, subjects: [] });
    expect(`${reached?.detail} ${reached?.remedy}`).toMatch(/certificate/);
  });
});

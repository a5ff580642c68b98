import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { UsageError } from '../../../src/common';
import { describeConfig, loadConfig, secretValues } from '../../../src/config';
import { checkCertificates } from '../../../src/config/environment-checks';
import { temporaryFolders } from '../../support/files/folders';
import { createAuthority, type Certificate } from '../../support/network/certificates';

const folder = temporaryFolders();
let [one, another]: readonly Certificate[] = [];
beforeAll(async () => {
  const authority = await createAuthority();
  [one, another] = await Promise.all([authority.issue({ name: 'one' }), authority.issue({ name: 'another' })]);
});
const certificates = (): readonly [Certificate, Certificate] => {
  if (one === undefined || another === undefined) throw new Error('not made');
  return [one, another];
};

function problemIn(env: Readonly<Record<string, string>>): string {
  try {
    loadConfig({ env });
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  throw new Error('the configuration was accepted');
}

describe('certificates', () => {
  test('and keys are those of each other, of every group', () => {
    const [first, second] = certificates();
    for (const [group, env] of Object.entries({
      KAFKA: { KAFKA_SSL: 'true' },
      CLICKHOUSE: { CLICKHOUSE_URL: 'https://c' },
    })) {
      const pair = (key: string) => ({ ...env, [`${group}_SSL_CERT`]: first.cert, [`${group}_SSL_KEY`]: key });
      expect(() => loadConfig({ env: pair(first.key) })).not.toThrow();
      expect(problemIn(pair(second.key))).toBe(
        `${group}_SSL_KEY: not the key of the certificate in ${group}_SSL_CERT; allowed: its own key`,
      );
    }
  });

  test('that cannot be read, and keys where they belong, are told without being shown', () => {
    const [{ cert, key }] = certificates();
    const broken = cert.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA');
    expect(problemIn({ KAFKA_SSL: 'true', KAFKA_SSL_CA: broken })).toContain('a certificate that cannot be read');
    expect(problemIn({ KAFKA_SSL: 'true', KAFKA_SSL_CA: key })).toContain('PEM, but without a certificate');
    expect(problemIn({ KAFKA_SSL: 'true', KAFKA_SSL_CERT: cert, KAFKA_SSL_KEY: cert })).toContain('cannot be read');
  });

  test('need TLS', () => {
    const [{ cert }] = certificates();
    expect(problemIn({ KAFKA_SSL_CA: cert })).toBe('KAFKA_SSL_CA: needs KAFKA_SSL=true');
    const { cert: CLICKHOUSE_SSL_CERT, key: CLICKHOUSE_SSL_KEY } = certificates()[0];
    expect(problemIn({ CLICKHOUSE_URL: 'http://c:8123', CLICKHOUSE_SSL_CERT, CLICKHOUSE_SSL_KEY })).toBe(
      'CLICKHOUSE_SSL_CERT: needs CLICKHOUSE_URL to begin with https:',
    );
    const plain = { CLICKHOUSE_URL: 'http://c:8123', SCHEMA_REGISTRY_URL: 'http://r', TLS_CA: cert };
    expect(problemIn(plain)).toBe('TLS_CA: needs KAFKA_SSL=true, or a URL that begins with https:');
    for (const more of [{ KAFKA_SSL: 'true' }, { CLICKHOUSE_URL: 'https://c' }]) {
      expect(() => loadConfig({ env: { ...plain, ...more } })).not.toThrow();
    }
  });
});

test('the doctor says when our certificates end', () => {
  const [{ cert, key }] = certificates();
  const config = loadConfig({ env: { KAFKA_SSL: 'true', KAFKA_SSL_CERT: cert, KAFKA_SSL_KEY: key } });
  const outcomeIn = (days: number) => checkCertificates(config, Date.now() + days * 86_400_000)[0]?.outcome;
  // They are made for a day.
  expect([outcomeIn(-20), outcomeIn(0), outcomeIn(2)]).toEqual(['failed', 'warning', 'failed']);
  expect(checkCertificates(config)[0]?.remedy).toContain('Renew KAFKA_SSL_CERT');
  expect(checkCertificates(loadConfig({ env: {} }))).toEqual([]);
});

describe('OAUTHBEARER', () => {
  const OAUTH = {
    KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
    KAFKA_SASL_OAUTH_TOKEN_URL: 'https://login.example/token',
    KAFKA_SASL_USERNAME: 'me',
    KAFKA_SASL_PASSWORD: 'hidden',
  };

  test('has a token URL and a client', () => {
    const { sasl } = loadConfig({ env: { ...OAUTH, KAFKA_SASL_OAUTH_SCOPE: 'kafka' } }).kafka;
    expect(sasl).toMatchObject({ mechanism: 'oauthbearer', clientId: 'me', scope: 'kafka' });
  });

  test('is nothing without them, and they are nothing without it', () => {
    const { KAFKA_SASL_MECHANISM, ...others } = OAUTH;
    expect(problemIn({ KAFKA_SASL_MECHANISM })).toContain(
      'needs KAFKA_SASL_OAUTH_TOKEN_URL and KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
    );
    expect(problemIn(others)).toContain('KAFKA_SASL_OAUTH_TOKEN_URL: needs KAFKA_SASL_MECHANISM');
  });
});

describe('a secret of a file', () => {
  const load = (path: string) => loadConfig({ env: { CLICKHOUSE_PASSWORD_FILE: path } });
  /** As a volume of Kubernetes changes: another file in the place of the old one. */
  const replace = (path: string, text: string) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };

  test('is what the file has when it is used', async () => {
    const path = join(await folder(), 'password');
    replace(path, 'first\n');
    const config = load(path);
    expect(config.clickhouse.password?.reveal()).toBe('first');
    replace(path, 'second\n');
    expect(config.clickhouse.password?.reveal()).toBe('second');
  });

  test('stays what it was while the file is empty, wrong or missing', async () => {
    const path = join(await folder(), 'key');
    const [{ cert, key }, second] = certificates();
    replace(path, key);
    const config = loadConfig({ env: { KAFKA_SSL: 'true', KAFKA_SSL_CERT: cert, KAFKA_SSL_KEY_FILE: path } });
    const now = () => config.kafka.ssl?.key?.reveal();
    for (const text of ['', 'no PEM']) {
      replace(path, text);
      expect(now()).toBe(key.trimEnd());
    }
    renameSync(path, `${path}.away`);
    expect(now()).toBe(key.trimEnd());
    replace(path, second.key);
    expect(now()).toBe(second.key.trimEnd());
  });

  test('is masked in all the values that it has had', async () => {
    const path = join(await folder(), 'password');
    replace(path, 'first-one');
    const config = load(path);
    replace(path, 'second-one');
    expect(config.clickhouse.password?.reveal()).toBe('second-one');
    expect([...secretValues(config)].sort()).toEqual(['first-one', 'second-one']);
    expect(JSON.stringify([config, describeConfig(config)])).not.toContain('-one');
  });
});

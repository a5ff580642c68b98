import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { OperatorError } from '../../../src/common';
import { loadConfig, requireGroups } from '../../../src/config';
import { createKafkaLog } from '../../../src/log/kafkajs/log';
import type { LogProducer } from '../../../src/log/port';
import { kafkaConnection, logAnswers } from '../../../src/wiring';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { secureKafkaForTests, type SecureKafka } from '../../support/kafka/secure-kafka';
import { createAuthority, type Certificate } from '../../support/network/certificates';
import { until } from '../../support/processes/until';

const logger = pino({ enabled: false });
const TOPIC = 'secured';
const DAY_MS = 86_400_000;

type Environment = Readonly<Record<string, string>>;

let kafka: SecureKafka;
let someone: Certificate;
const folder = mkdtempSync(join(tmpdir(), 'queuefold-test-'));

beforeAll(async () => {
  kafka = await secureKafkaForTests({
    users: ['someone', 'brief'],
    scramUsers: ['someone'],
    otherCertificates: {
      EXPIRED: {
        name: 'broker',
        notBefore: new Date(Date.now() - 2 * DAY_MS),
        notAfter: new Date(Date.now() - DAY_MS),
      },
      FUTURE: { name: 'broker', notBefore: new Date(Date.now() + DAY_MS), notAfter: new Date(Date.now() + 2 * DAY_MS) },
      ELSEWHERE: { name: 'broker', hosts: ['kafka.example', '10.0.0.1'] },
    },
    // A session that is nearly over, so the client soon authenticates again: kafkajs does so 10 s before its end.
    tokenSeconds: (client) => (client === 'brief' ? 13 : 3_600),
    overrides: { 'super.users': 'User:ANONYMOUS;User:someone;User:brief', 'connections.max.reauth.ms': 600_000 },
  });
  someone = await kafka.authority.issue({ name: 'someone', hosts: ['client'] });
  const stock = await createStockAdmin(kafka.superBrokers);
  await stock.createTopic(TOPIC, 1);
  await stock.close();
}, 300_000);
afterAll(async () => {
  await kafka.dispose();
  rmSync(folder, { recursive: true });
});

/** As a role connects with these settings. */
async function use(env: Environment): Promise<number> {
  const config = loadConfig({ env });
  const log = createKafkaLog(kafkaConnection(config, requireGroups(config, ['kafka']).kafka.brokers, logger));
  try {
    const producer = await log.createProducer();
    await producer.send([{ topic: TOPIC, key: Buffer.from('k'), value: Buffer.from('v') }]);
    return (await log.endOffsets(TOPIC)).get(0) ?? 0;
  } finally {
    await log.close();
  }
}

/** How many tokens were given when it was stored. */
async function sendOnce(producer: LogProducer): Promise<number> {
  await producer.send([{ topic: TOPIC, key: Buffer.from('k'), value: Buffer.from('v') }]);
  return kafka.tokens.given.length;
}

async function problemOf(env: Environment): Promise<{ readonly message: string; readonly exitCode: number }> {
  try {
    await use(env);
  } catch (error) {
    if (error instanceof OperatorError) return { message: error.message, exitCode: error.exitCode };
    throw error;
  }
  throw new Error('it was let in');
}

const tls = (): Environment => ({ KAFKA_SSL: 'true', KAFKA_SSL_CA: kafka.authority.cert });
const mutual = ({ cert, key } = someone): Environment => ({
  ...tls(),
  KAFKA_BROKERS: kafka.ssl,
  KAFKA_SSL_CERT: cert,
  KAFKA_SSL_KEY: key,
});
const password = (mechanism: string): Environment => ({
  ...tls(),
  KAFKA_BROKERS: kafka.sasl,
  KAFKA_SASL_MECHANISM: mechanism,
  KAFKA_SASL_USERNAME: 'someone',
  KAFKA_SASL_PASSWORD: kafka.passwordOf('someone'),
});
const oauth = (): Environment => ({
  ...tls(),
  KAFKA_BROKERS: kafka.sasl,
  KAFKA_SASL_MECHANISM: 'oauthbearer',
  KAFKA_SASL_OAUTH_TOKEN_URL: kafka.tokens.tokenUrl,
  KAFKA_SASL_USERNAME: 'someone',
  KAFKA_SASL_PASSWORD: kafka.passwordOf('someone'),
  KAFKA_SASL_OAUTH_SCOPE: 'kafka',
});

describe('a broker lets in', () => {
  test.each([
    ['a client certificate', mutual],
    ['PLAIN', () => password('plain')],
    ['SCRAM-SHA-256', () => password('scram-sha-256')],
    ['SCRAM-SHA-512', () => password('scram-sha-512')],
    ['OAUTHBEARER', oauth],
  ])('who comes with %s', async (_, settings) => {
    expect(await use(settings())).toBeGreaterThan(0);
  });

  test('tokens with the scope that is set, one for all connections', async () => {
    const before = kafka.tokens.given.length;
    await use(oauth());
    expect(kafka.tokens.given.slice(before)).toEqual(['kafka']);
  });

  test('who authenticates again before a token ends, on connections that stay open', async () => {
    const client = { KAFKA_SASL_USERNAME: 'brief', KAFKA_SASL_PASSWORD: kafka.passwordOf('brief') };
    const config = loadConfig({ env: { ...oauth(), ...client } });
    const log = createKafkaLog(kafkaConnection(config, requireGroups(config, ['kafka']).kafka.brokers, logger));
    const producer = await log.createProducer();
    const atFirst = await sendOnce(producer);
    await until('a new token', 120_000, async () => (await sendOnce(producer)) > atFirst);
    await sendOnce(producer);
    await log.close();
  });

  test('who reads a renewed certificate from its file, without a restart', async () => {
    const stranger = await (await createAuthority('another')).issue({ name: 'someone' });
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    const put = (one: Certificate): void => {
      writeFileSync(cert, one.cert);
      writeFileSync(key, one.key);
    };
    put(stranger);
    const config = loadConfig({
      env: { ...tls(), KAFKA_BROKERS: kafka.ssl, KAFKA_SSL_CERT_FILE: cert, KAFKA_SSL_KEY_FILE: key },
    });
    const log = createKafkaLog(kafkaConnection(config, requireGroups(config, ['kafka']).kafka.brokers, logger));
    await expect(log.createProducer()).rejects.toThrow('KAFKA_SSL_CERT');
    put(someone);
    const producer = await log.createProducer();
    await producer.send([{ topic: TOPIC, key: Buffer.from('k'), value: Buffer.from('v') }]);
    await log.close();
  });
});

test('health names a certificate that has expired, with its date and what to do', async () => {
  const config = loadConfig({ env: { ...tls(), KAFKA_BROKERS: kafka.others['EXPIRED'] ?? '' } });
  const log = createKafkaLog(kafkaConnection(config, requireGroups(config, ['kafka']).kafka.brokers, logger));
  expect(await logAnswers(log, TOPIC)()).toEqual({
    ok: false,
    detail: expect.stringMatching(
      /^its certificate has expired \(CERT_HAS_EXPIRED: valid until \d{4}-.*Z\)\. Renew it/,
    ),
  });
  await log.close();
});

describe('who is not let in is told why, and what to do', () => {
  test.each<[string, () => Environment | Promise<Environment>, number, RegExp]>([
    [
      'an authority that is not known',
      async () => ({ ...mutual(), KAFKA_SSL_CA: (await createAuthority()).cert }),
      2,
      /signed by an authority that this machine does not trust \(\w+\)\)\. Set KAFKA_SSL_CA_FILE/,
    ],
    [
      'an expired certificate',
      () => ({ ...tls(), KAFKA_BROKERS: kafka.others['EXPIRED'] ?? '' }),
      1,
      /its certificate has expired \(CERT_HAS_EXPIRED: valid until \d{4}-[-:.\dT]+Z\)\)\. Renew it/,
    ],
    [
      'one that is not valid yet',
      () => ({ ...tls(), KAFKA_BROKERS: kafka.others['FUTURE'] ?? '' }),
      1,
      /not valid yet \(CERT_NOT_YET_VALID: valid from \d{4}-[-:.\dT]+Z\)/,
    ],
    [
      'one for another host',
      () => ({ ...tls(), KAFKA_BROKERS: kafka.others['ELSEWHERE'] ?? '' }),
      2,
      /for other names \(ERR_TLS_CERT_ALTNAME_INVALID: .*10\.0\.0\.1.*\)\. Use one of its names in KAFKA_BROKERS/,
    ],
    [
      'no client certificate',
      () => ({ ...tls(), KAFKA_BROKERS: kafka.ssl }),
      2,
      /wants a client certificate .*KAFKA_SSL_CERT_FILE/,
    ],
    [
      'one of strangers',
      async () => mutual(await (await createAuthority('x')).issue({ name: 'someone' })),
      2,
      /does not accept the client certificate of queuefold .*KAFKA_SSL_CERT/,
    ],
    [
      'one that has expired',
      async () =>
        mutual(
          await kafka.authority.issue({
            name: 'someone',
            notBefore: new Date(Date.now() - 2 * DAY_MS),
            notAfter: new Date(Date.now() - DAY_MS),
          }),
        ),
      2,
      /client certificate .*KAFKA_SSL_CERT/,
    ],
    [
      'TLS where there is none',
      () => ({ ...tls(), KAFKA_BROKERS: kafka.superBrokers.join() }),
      1,
      /ended the connection during the TLS handshake .*Does the port in KAFKA_BROKERS speak TLS/,
    ],
    [
      'a wrong password',
      () => ({ ...password('plain'), KAFKA_SASL_PASSWORD: 'wrong-one' }),
      2,
      /Check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME/,
    ],
    [
      'a wrong password for SCRAM',
      () => ({ ...password('scram-sha-512'), KAFKA_SASL_PASSWORD: 'wrong-one' }),
      2,
      /KAFKA_SASL_PASSWORD/,
    ],
    [
      'a wrong client secret',
      () => ({ ...oauth(), KAFKA_SASL_PASSWORD: 'wrong-one' }),
      2,
      /refuses the client \(HTTP 401, invalid_client\)\. Check KAFKA_SASL_USERNAME/,
    ],
    [
      'no token endpoint',
      () => ({ ...oauth(), KAFKA_SASL_OAUTH_TOKEN_URL: 'http://127.0.0.1:1/token' }),
      1,
      /KAFKA_SASL_OAUTH_TOKEN_URL: http:\S+: cannot reach it/,
    ],
  ])('%s', async (_, settings, exitCode, said) => {
    const env = await settings();
    const problem = await problemOf(env);
    expect(problem.message).toMatch(said);
    expect(problem.message).toContain(`KAFKA_BROKERS: cannot reach ${env['KAFKA_BROKERS'] ?? ''}`);
    expect(problem.message).not.toContain('wrong-one');
    expect(problem.exitCode).toBe(exitCode);
  });
});

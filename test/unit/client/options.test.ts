import { describe, expect, test } from '@jest/globals';
import { openQueueTable, openVisits, type VisitsOptions } from '../../../src/client';
import { inOptions, loggerFor } from '../../../src/client/options';
import { AwayError, UsageError } from '../../../src/common';

const RIGHT = { brokers: ['127.0.0.1:1'], registry: 'http://127.0.0.1:1' };
const PEM = '-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n';

function open(differences: object): Promise<unknown> {
  return openQueueTable({ ...RIGHT, ...differences });
}

describe('options of the client', () => {
  test.each<readonly [object, string]>([
    [{ brokers: undefined }, "brokers: missing. Write a list of host:port, such as ['localhost:9092']."],
    [{ brokers: 'localhost:9092' }, 'brokers: "localhost:9092". Write a list of host:port'],
    [{ brokers: [] }, 'brokers: []. Write a list'],
    [{ brokers: ['a:1', 'b'] }, 'brokers[1]: "b". Write host:port, such as localhost:9092.'],
    [{ brokers: ['kafka://a:1'] }, 'brokers[0]: "kafka://a:1". Write host:port'],
    [{ registry: undefined }, 'registry: missing. Write its URL, such as http://localhost:8081.'],
    [{ registry: 'localhost:8081' }, 'registry: "localhost:8081". Write its URL'],
    [{ registry: { url: '' } }, 'registry: "". Write its URL'],
    [{ prefix: 'a b' }, 'prefix: "a b". A topic’s name has letters, digits'],
    [{ tls: false }, 'tls: false. Write true, or { ca, cert, key }.'],
    [{ tls: { ca: '/etc/ca.pem' } }, 'tls.ca: no PEM text. Write the content of the file, not its name.'],
    [{ tls: { key: PEM } }, 'tls: only one of cert and key is there. A client certificate needs both.'],
    [{ sasl: { mechanism: 'gssapi' } }, 'sasl.mechanism: "gssapi". It is plain, scram-sha-256'],
    [{ sasl: { mechanism: 'plain', username: 'u' } }, 'sasl.password: missing. Write the password.'],
    [{ sasl: { mechanism: 'oauthbearer', token: 'x' } }, 'sasl.token: string. Write an async function'],
  ])('%j is refused with what is wrong and what to write', async (differences, message) => {
    await expect(open(differences)).rejects.toThrow(UsageError);
    await expect(open(differences)).rejects.toThrow(message);
  });

  test('since has to be a time', async () => {
    for (const since of [undefined, '2026-03-01', new Date('x'), () => 5]) {
      await expect(openVisits({ ...RIGHT, since } as VisitsOptions)).rejects.toThrow(
        /^since: .*Write a Date, or a function/,
      );
    }
  });

  test('for brokers that do not answer the error names the option, and nothing is left open', async () => {
    await expect(open({})).rejects.toThrow(/^(brokers: cannot reach 127\.0\.0\.1:1|registry: cannot use http:)/);
  });

  test('a signal that was aborted opens nothing', async () => {
    const reason = new Error('changed my mind');
    await expect(open({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const opening = open({ signal: controller.signal });
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
  });

  test.each([
    [
      'KAFKA_BROKERS: cannot reach a:1 (x). Set KAFKA_SSL_CA_FILE to it, or set KAFKA_SSL=false.',
      'brokers: cannot reach a:1 (x). Set tls.ca to it, or leave out the option tls.',
    ],
    [
      'SCHEMA_REGISTRY_URL: no. Set TLS_CA_FILE, or KAFKA_SSL_CERT_FILE.',
      'registry: no. Set registry.tls.ca, or registry.tls.cert.',
    ],
    [
      'SCHEMA_REGISTRY_URL: no. Check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD (with SCHEMA_REGISTRY_OAUTH_TOKEN_URL those of the client), or SCHEMA_REGISTRY_TOKEN.',
      'registry: no. Check registry.username and registry.password, or registry.token.',
    ],
    ['Check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME.', 'Check sasl.mechanism, sasl.username.'],
    [
      'Topic a does not exist. Run `queuefold setup` to create the topics.',
      'Topic a does not exist. Does the option prefix match TOPIC_PREFIX of the pipeline? Run `queuefold setup` to create the topics.',
    ],
  ])('%j names options', (said, message) => {
    const error = inOptions(new AwayError(said));
    expect(error.message).toBe(message);
    expect(error.name).toBe('OperatorError');
  });

  test('a logger gets fields and a sentence, without secrets', () => {
    const lines: unknown[] = [];
    const take = (level: string) => (fields: object, message: string) => void lines.push([level, fields, message]);
    const logger = { info: take('info'), warn: take('warn'), error: take('error') };
    const log = loggerFor({
      ...{ ...RIGHT, logger },
      sasl: { mechanism: 'plain', username: 'u', password: 'hunter2-hunter2' },
    });
    log.child({ component: 'kafka' }).warn({ n: 1 }, 'hunter2-hunter2 is wrong');
    log.error('it broke');
    expect(lines).toEqual([
      ['warn', expect.objectContaining({ component: 'kafka', n: 1 }), expect.not.stringContaining('hunter2')],
      ['error', expect.anything(), 'it broke'],
    ]);
  });
});

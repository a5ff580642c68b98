import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../../src/config';
import { checkVariables, misspeltVariables } from '../../../src/config/environment-checks';

const look = (env: Record<string, string>) =>
  checkVariables(loadConfig({ env }), env).map(({ outcome, detail, remedy }) =>
    `${outcome}: ${detail} ${remedy ?? ''}`.trim(),
  );

describe('the variables of the environment', () => {
  test('are well when every one of ours means something', () => {
    const env = {
      PATH: '/bin',
      KAFKA_BROKERS: 'a:1',
      KAFKA_CLIENT_ID: 'me',
      CLICKHOUSE_URL: 'http://c:8123',
      CLICKHOUSE_DATABASE: 'other',
      GENESYS_REGION: '',
    };
    expect(look(env)).toEqual(['ok: valid, without unknown or unused variables']);
  });

  test('that are nearly settings are told, without their values', () => {
    expect(look({ KAFKA_BROKER: 'hidden:9092', CLICKHOUSE_USER: 'hidden' })).toEqual([
      'warning: KAFKA_BROKER is not a setting of queuefold Did you mean KAFKA_BROKERS?',
      expect.stringMatching(/^warning: CLICKHOUSE_USER is not a setting of queuefold /),
    ]);
  });

  test('that are a slip of the pen away from a setting are told at the start, and nobody else’s are', () => {
    const env = {
      ...{ FOLD_THREAD: '2', HTTP_PROT: '9100', NAME_OF: 'users', QUEUEFOLD_CONFIG: 'a.yaml', HTTP_PORT: '9100' },
      ...{ KAFKA_HOME: '/opt/kafka', HTTP_PROXY: 'http://p', LOG: 'x', HOME: '/root', DATABASE_DIR: '/', VISIT: '' },
    };
    expect(misspeltVariables(env)).toEqual([
      { name: 'FOLD_THREAD', meant: 'FOLD_THREADS' },
      { name: 'HTTP_PROT', meant: 'HTTP_PORT' },
      { name: 'NAME_OF', meant: 'NAMES_OF' },
    ]);
  });

  test('that Kubernetes makes of services are nobody’s mistake', () => {
    const env = {
      KAFKA_SERVICE_HOST: '10.0.0.1',
      KAFKA_SERVICE_PORT_CLIENT: '9092',
      CLICKHOUSE_PORT: 'tcp://10.0.0.2:8123',
      CLICKHOUSE_PORT_8123_TCP_ADDR: '10.0.0.2',
    };
    expect(look(env)).toEqual(['ok: valid, without unknown or unused variables']);
  });

  test('that mean nothing without another one are told', () => {
    expect(look({ CLICKHOUSE_USERNAME: 'me', CLICKHOUSE_DATABASE: 'q', GENESYS_REGION: 'mypurecloud.ie' })).toEqual([
      'warning: CLICKHOUSE_USERNAME, CLICKHOUSE_DATABASE are set but have no effect without CLICKHOUSE_URL Set CLICKHOUSE_URL.',
      'warning: GENESYS_REGION is set but has no effect without GENESYS_CLIENT_ID Set GENESYS_CLIENT_ID.',
    ]);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import { UsageError } from '../../../src/common';
import {
  describeConfig,
  isSet,
  loadConfig,
  requireGenesys,
  requireGroups,
  withDefaults,
  type ConfigSources,
} from '../../../src/config';

const folder = mkdtempSync(join(tmpdir(), 'queuefold-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function aFile(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** More than 32 bytes. */
const KEY = 'the key of the tests, a long text';

/** Settings that take certain words or units only. */
const WORDS = [
  ...['GENESYS_REGION', 'CLOSE_AFTER', 'KAFKA_SSL', 'KAFKA_COMPRESSION', 'KAFKA_SASL_MECHANISM', 'NAMES_OF'],
  ...['PRIVACY_MASK', 'VISITS', 'FOLD_STANDBY', 'BOARD_SHOW', 'BRIDGE_PENDING_BYTES', 'ACW_TIMEOUT', 'SHARD'],
];

const fromEnv = (env: Record<string, string>) => loadConfig({ env });

function problemOf(sources: ConfigSources): string {
  try {
    loadConfig(sources);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).exitCode).toBe(2);
    return (error as UsageError).message;
  }
  throw new Error('the configuration was accepted');
}

const problemIn = (env: Record<string, string>) => problemOf({ env });

describe('defaults', () => {
  test('are those of the specification', () => {
    const config = fromEnv({});
    expect(config.kafka).toEqual({
      brokers: undefined,
      clientId: 'queuefold',
      ssl: undefined,
      sasl: undefined,
      compression: 'none',
    });
    expect(config.clickhouse).toMatchObject({ url: undefined, username: 'default', database: 'queuefold' });
    expect(config.genesys.queues).toEqual(['*']);
    expect(config.topics).toEqual({ prefix: 'genesys', partitions: 12, replicationFactor: 3 });
    expect(config.fold).toEqual({
      closeAfter: 'disconnect',
      acwTimeoutMs: 900_000,
      endedRetentionMs: 3_600_000,
      standby: 'off',
      visits: 'on',
    });
    expect(config.bridge).toEqual({ pendingBytes: 67_108_864 });
    expect(config.limits).toEqual({ snapshotBytes: 4_194_304 });
    expect(config.deadLetters).toEqual({ maxConsecutive: 100, maxRatio: 0.5 });
    expect(config.http).toEqual({ host: '::', port: 9464 });
    expect(config.logLevel).toBe('info');
    expect(config.dataDir).toBe('.queuefold');
    expect(config.privacy).toBeUndefined();
  });

  test('a command has its own, which give way to what somebody chose', () => {
    const chosen = fromEnv({ PARTITIONS: '6', TOPIC_PREFIX: 'genesys' });
    const config = withDefaults(chosen, 'start', { PARTITIONS: '4', REPLICATION_FACTOR: '1', TOPIC_PREFIX: 'demo' });
    expect(config.topics).toEqual({ prefix: 'genesys', partitions: 6, replicationFactor: 1 });
    expect(isSet(config, 'TOPIC_PREFIX')).toBe(true);
    expect(isSet(config, 'REPLICATION_FACTOR')).toBe(false);
    expect(describeConfig(config)).toContainEqual(
      expect.objectContaining({ key: 'REPLICATION_FACTOR', value: '1', origin: 'default of start' }),
    );
  });
});

describe('values', () => {
  test('brokers are a list of host:port', () => {
    expect(requireGroups(fromEnv({ KAFKA_BROKERS: 'a:9092, [::1]:9093' }), ['kafka']).kafka.brokers).toEqual([
      'a:9092',
      '[::1]:9093',
    ]);
    expect(problemIn({ KAFKA_BROKERS: 'a:9092,localhost' })).toContain('KAFKA_BROKERS: "localhost" is not host:port');
    expect(problemIn({ KAFKA_BROKERS: 'kafka://a:9092' })).toContain('is a URL');
    expect(problemIn({ KAFKA_BROKERS: 'a:70000' })).toContain('impossible port');
    expect(problemIn({ KAFKA_BROKERS: ',' })).toContain('an empty list');
  });

  test('numbers have their limits', () => {
    expect(problemIn({ PARTITIONS: '0' })).toContain('"0" is too small');
    expect(problemIn({ HTTP_PORT: '65536' })).toContain('a whole number from 0 to 65535');
    expect(problemIn({ PARTITIONS: '1e3' })).toContain('is not a whole number');
    expect(problemIn({ TRACE_RATIO: '1.5' })).toContain('a number from 0 to 1');
    expect(fromEnv({ TRACE_RATIO: '.25' }).tracing.ratio).toBe(0.25);
  });

  test('without a limit of unreadable records in a row there is none of their share either', () => {
    expect(fromEnv({ DLQ_MAX_CONSECUTIVE: '7' }).deadLetters).toEqual({ maxConsecutive: 7, maxRatio: 0.5 });
    expect(fromEnv({ DLQ_MAX_CONSECUTIVE: '0' }).deadLetters).toEqual({ maxConsecutive: 0, maxRatio: 0 });
  });

  test('sizes may have a unit', () => {
    expect(fromEnv({ LIMIT_SNAPSHOT_BYTES: '512KiB' }).limits.snapshotBytes).toBe(524_288);
    expect(fromEnv({ LIMIT_SNAPSHOT_BYTES: '100000' }).limits.snapshotBytes).toBe(100_000);
    expect(problemIn({ LIMIT_SNAPSHOT_BYTES: '4MB' })).toContain('is not a size');
  });

  test('durations need a unit', () => {
    expect(fromEnv({ ACW_TIMEOUT: '90s' }).fold.acwTimeoutMs).toBe(90_000);
    expect(problemIn({ ACW_TIMEOUT: '15' })).toContain('"15" has no unit');
    expect(problemIn({ ACW_TIMEOUT: 'soon' })).toContain('is not a duration');
    expect(problemIn({ ENDED_RETENTION: '500ms' })).toContain('too small');
  });

  test('what can be off says so by a word or a 0', () => {
    const kinds = (NAMES_OF: string) => fromEnv({ NAMES_OF }).genesys.namesOf;
    expect([kinds('off'), kinds('Off'), kinds('0'), kinds('users')]).toEqual([[], [], [], ['user']]);
    expect(problemIn({ NAMES_OF: 'agents' })).toMatch(/"agents" is not one of them.*; or off/);
  });

  test('users’ names are wanted only when they are asked for', () => {
    expect(fromEnv({}).genesys.namesOf).toEqual(['queue', 'skill']);
    expect(fromEnv({ NAMES_OF: 'users,queues' }).genesys.namesOf).toEqual(['user', 'queue']);
    expect(problemIn({ NAMES_OF: 'user' })).toContain('any of queues,users,skills');
  });

  test('enumerations and booleans are read in any case of letters', () => {
    expect(fromEnv({ CLOSE_AFTER: 'ACW', KAFKA_SSL: 'TRUE' }).fold.closeAfter).toBe('acw');
    expect(problemIn({ CLOSE_AFTER: 'never' })).toContain('allowed: disconnect, acw');
    expect(problemIn({ KAFKA_SSL: 'maybe' })).toContain('allowed: true or false');
  });

  test('a region is a domain or an AWS name, and gives the two URLs', () => {
    expect(fromEnv({ GENESYS_REGION: 'eu-west-1' }).genesys).toMatchObject({
      region: 'mypurecloud.ie',
      loginUrl: 'https://login.mypurecloud.ie',
      apiUrl: 'https://api.mypurecloud.ie',
    });
    expect(fromEnv({ GENESYS_REGION: 'new1.pure.cloud' }).genesys.region).toBe('new1.pure.cloud');
    expect(problemIn({ GENESYS_REGION: 'mypurecloud.i' })).toContain('did you mean mypurecloud.ie?');
  });

  test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'what every object has is no value and no setting: %s',
    (name) => {
      for (const key of WORDS) expect(problemIn({ [key]: name })).toContain(`${key}: `);
      const path = join(folder, 'names.yaml');
      writeFileSync(path, `${name}: 1\n`);
      expect(() => loadConfig({ env: {}, file: path })).toThrow(`"${name}": no such setting`);
    },
  );

  test.each([
    '-----BEGIN PRIVATE KEY-----\nMIIsecret\n-----END PRIVATE KEY-----',
    `secret${'x'.repeat(300)}`,
    'secret/'.repeat(1_000),
  ])('a secret in the place of the path of its file is not shown', (secret) => {
    const problem = problemIn({ KAFKA_SSL_KEY_FILE: secret });
    expect(problem).toContain(`KAFKA_SSL_KEY_FILE: not a path, but a text of ${secret.length} characters`);
    expect(problem).not.toContain('secret');
  });

  test('URLs of a simulated organisation win over the region', () => {
    const config = fromEnv({
      GENESYS_REGION: 'mypurecloud.ie',
      GENESYS_LOGIN_URL: 'http://127.0.0.1:9480/',
      GENESYS_API_URL: 'http://127.0.0.1:9480',
    });
    expect(config.genesys).toMatchObject({ loginUrl: 'http://127.0.0.1:9480', apiUrl: 'http://127.0.0.1:9480' });
  });

  test('a URL with credentials is refused without showing them', () => {
    const problem = problemIn({ CLICKHOUSE_URL: 'https://joe:hunter2@ch:8443' });
    expect(problem).toContain('CLICKHOUSE_URL');
    expect(problem).not.toContain('hunter2');
  });

  test('an empty variable is an unset one', () => {
    expect(fromEnv({ PARTITIONS: '', PRIVACY_KEY: '' }).topics.partitions).toBe(12);
  });
});

describe('what settings ask of one another', () => {
  test.each([
    [{ PRIVACY_MASK: 'ani' }, 'PRIVACY_MASK: needs PRIVACY_KEY'],
    [{ KAFKA_SASL_MECHANISM: 'plain' }, 'needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD'],
    [{ KAFKA_SASL_PASSWORD: 'x' }, 'KAFKA_SASL_PASSWORD: needs KAFKA_SASL_MECHANISM'],
    [{ KAFKA_SSL_CA: '-----BEGIN CERTIFICATE-----' }, 'KAFKA_SSL_CA: needs KAFKA_SSL=true'],
    [{ GENESYS_CLIENT_ID: 'x' }, 'GENESYS_CLIENT_ID: needs GENESYS_CLIENT_SECRET'],
    [{ GENESYS_LOGIN_URL: 'http://localhost:1' }, 'GENESYS_LOGIN_URL: needs GENESYS_API_URL'],
    [{ QUEUES: '*,Sales' }, 'QUEUES: * is set with other values'],
  ])('%j is a problem', (env, problem) => {
    expect(problemIn(env)).toContain(problem);
  });

  test('a bridge has the shard of its number, whose numbers go round, and its part of the channels', () => {
    const shardOf = (SHARD: string) => {
      const config = fromEnv({ SHARD });
      const { shard, channels } = withDefaults(config, 'start', { PARTITIONS: '4' }).genesys;
      expect(config.genesys.shard).toEqual(shard);
      return [shard.index, shard.count, channels];
    };
    expect(fromEnv({}).genesys).toMatchObject({ shard: { index: 0, count: 1 }, channels: 18 });
    expect(['1/3', '2/3', '3/3', '4/3'].map(shardOf)).toEqual([[0, 3, 6], [1, 3, 6], [2, 3, 6], [0, 3, 6]]); // prettier-ignore
    // Pods are numbered from 0.
    expect(['0/3', '5/3'].map(shardOf)).toEqual([[2, 3, 6], [1, 3, 6]]); // prettier-ignore
  });

  test.each([
    ['2', '"2" does not name a part and how many there are'],
    ['2/', '"2/" does not name a part'],
    ['-1/3', '"-1/3" does not name a part'],
    ['1/0', '"1/0" has no parts'],
    ['1/1001', '"1/1001" has too many parts'],
  ])('SHARD=%s is no shard, and the message says what one is', (SHARD, problem) => {
    expect(problemIn({ SHARD })).toContain(problem);
    expect(problemIn({ SHARD })).toContain(
      'allowed: NUMBER/PARTS such as 2/3, the second of three; at most 1000 parts',
    );
  });

  test('SHARDS, which was a setting, ends the process with the way to say it now', () => {
    expect(problemIn({ SHARDS: '3', SHARD: '2/3' })).toBe(
      'SHARDS: no longer a setting (environment SHARDS); SHARD says both, for instance SHARD=2/3 for the second of three',
    );
    expect(fromEnv({ SHARDS: '' }).genesys.shard.count).toBe(1);
    expect(problemOf({ env: {}, file: aFile('shards.yaml', 'SHARDS: 3') })).toMatch(
      /^SHARDS: no longer a setting \(config file .*\); SHARD says both/,
    );
  });

  test('masking has its columns and its key', () => {
    const { privacy } = fromEnv({ PRIVACY_MASK: 'ani,subject,ani', PRIVACY_KEY: KEY });
    expect(privacy?.mask).toEqual(['ani', 'subject']);
    expect(privacy?.key.reveal()).toBe(KEY);
  });

  test.each([
    ['a text', 'correct horse battery staple, 32'],
    ['a text of fewer characters that are more bytes', 'ö'.repeat(16)],
    ['hex', 'a1'.repeat(32)],
    ['base64', Buffer.alloc(32, 'a').toString('base64')],
    ['base64url', Buffer.alloc(32, 0xff).toString('base64url')],
  ])('the key of masks may be %s of 32 bytes', (_, key) => {
    expect(fromEnv({ PRIVACY_MASK: 'ani', PRIVACY_KEY: key }).privacy?.key.reveal()).toBe(key);
  });

  test.each([
    ['1', 1],
    ['correct horse battery staple, 3', 31],
    ['a1'.repeat(31), 31],
    [Buffer.alloc(31, 'a').toString('base64'), 31],
  ])(
    'a key that can be found by trying is refused, not shown, and the message has a command that makes one',
    (key, bytes) => {
      const problem = problemIn({ PRIVACY_KEY: key });
      expect(problem).toContain(`PRIVACY_KEY: ${bytes} bytes, `);
      expect(problem).toContain('openssl rand -base64 32');
      expect(problem.replace(`${bytes} bytes`, '')).not.toContain(`: ${key}`);
    },
  );

  test('the secret of POST /events is too long to be guessed, and is not shown', () => {
    expect(fromEnv({}).events).toEqual({ secret: undefined });
    expect(fromEnv({ EVENTS_SECRET: '0123456789abcdef' }).events.secret?.reveal()).toBe('0123456789abcdef');
    const problem = problemIn({ EVENTS_SECRET: 'hunter2' });
    expect(problem).toMatch(/^EVENTS_SECRET: too short .*allowed: a text of at least 16 characters/);
    expect(problem).not.toContain('hunter2');
  });

  test('TLS and SASL come as wholes', () => {
    const { kafka } = fromEnv({
      KAFKA_SSL: 'true',
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_USERNAME: 'joe',
      KAFKA_SASL_PASSWORD: 'hunter2',
    });
    expect(kafka.ssl).toEqual({ ca: undefined, cert: undefined, key: undefined });
    expect(kafka.sasl).toMatchObject({ mechanism: 'scram-sha-512', username: 'joe' });
    expect(kafka.sasl?.mechanism === 'scram-sha-512' && kafka.sasl.password.reveal()).toBe('hunter2');
  });
});

describe('problems', () => {
  test('are reported all at once, each with what is allowed', () => {
    const problem = problemIn({ PARTITIONS: 'x', CLOSE_AFTER: 'y', PRIVACY_MASK: 'ani' });
    expect(problem).toContain('3 problems');
    expect(problem).toMatch(/PARTITIONS: "x" .*allowed: a whole number from 1 to 10000/);
    expect(problem).toMatch(/CLOSE_AFTER: "y" .*allowed: disconnect, acw/);
    expect(problem).toContain('PRIVACY_MASK: needs PRIVACY_KEY');
  });

  test('what a command needs and is not set is named, of all groups', () => {
    expect(() => requireGroups(fromEnv({}), ['kafka', 'registry', 'clickhouse'])).toThrow(
      'KAFKA_BROKERS, SCHEMA_REGISTRY_URL, CLICKHOUSE_URL: not set',
    );
    expect(() => requireGenesys(fromEnv({}))).toThrow(/GENESYS_REGION .*GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET/);
  });
});

describe('the config file', () => {
  test('has the same keys; the environment wins over it', () => {
    const file = aFile('a.yaml', 'PARTITIONS: 6\nTOPIC_PREFIX: file\nREPLICATION_FACTOR: 1\n');
    const config = loadConfig({ env: { TOPIC_PREFIX: 'env', REPLICATION_FACTOR: '2' }, file });
    expect(config.topics).toEqual({ prefix: 'env', partitions: 6, replicationFactor: 2 });
    const origins = new Map(describeConfig(config).map(({ key, origin }) => [key, origin]));
    expect(origins.get('PARTITIONS')).toBe(`config file ${file}`);
    expect(origins.get('TOPIC_PREFIX')).toBe('environment TOPIC_PREFIX');
    expect(origins.get('REPLICATION_FACTOR')).toBe('environment REPLICATION_FACTOR');
    expect(origins.get('CLOSE_AFTER')).toBe('default');
  });

  test('is also found by QUEUEFOLD_CONFIG; other QUEUEFOLD_ variables are nobody’s business', () => {
    const env = { QUEUEFOLD_CONFIG: aFile('b.yaml', 'PARTITIONS: 7'), QUEUEFOLD_COLOUR: 'red' };
    expect(fromEnv(env).topics.partitions).toBe(7);
  });

  test('has lists, whose items may contain commas', () => {
    const file = aFile('c.yaml', 'QUEUES:\n  - "Sales, EMEA"\n  - Support\n');
    expect(loadConfig({ env: {}, file }).genesys.queues).toEqual(['Sales, EMEA', 'Support']);
  });

  test('keeps texts that look like numbers', () => {
    const file = aFile('d.yaml', 'GENESYS_CLIENT_ID: 007\nGENESYS_CLIENT_SECRET: 1e3\n');
    const { genesys } = loadConfig({ env: {}, file });
    expect(genesys.clientId).toBe('007');
    expect(genesys.clientSecret?.reveal()).toBe('1e3');
  });

  test('null and an empty file set nothing', () => {
    expect(loadConfig({ env: {}, file: aFile('e.yaml', 'PARTITIONS: null\n') }).topics.partitions).toBe(12);
    expect(loadConfig({ env: {}, file: aFile('f.yaml', '# nothing\n') }).topics.partitions).toBe(12);
  });

  test('has no proxies: they are variables of the process, and it says so', () => {
    const problem = problemOf({ env: {}, file: aFile('p.yaml', 'https_proxy: http://me:hidden@proxy:1') });
    expect(problem).toContain('"https_proxy": a variable of the process');
    expect(problem).toContain('Set it in the environment');
    expect(problem).not.toContain('hidden');
  });

  test('an unknown key is an error with a suggestion', () => {
    const file = aFile('g.yaml', 'PARTITION: 6\n');
    expect(problemOf({ env: {}, file })).toContain('did you mean PARTITIONS?');
  });

  test('what is wrong with a value names the file', () => {
    const file = aFile('h.yaml', 'PARTITIONS: many\n');
    expect(problemOf({ env: {}, file })).toContain(`(config file ${file})`);
    expect(problemOf({ env: {}, file: aFile('i.yaml', 'PARTITIONS: {a: 1}') })).toContain('neither a value nor a list');
  });

  test.each([
    ['an open quote', 'PRIVACY_KEY: "hunter2'],
    ['an alias', 'PRIVACY_KEY: *hunter2'],
    ['a tag', 'PRIVACY_KEY: !hunter2 x'],
    ['no mapping', 'hunter2'],
    ['the key twice', 'PRIVACY_KEY: hunter2\nPRIVACY_KEY: hunter2'],
  ])('that is broken by %s is refused without quoting it', (_, content) => {
    const problem = problemOf({ env: {}, file: aFile('broken.yaml', content) });
    expect(problem).toContain('broken.yaml');
    expect(problem).not.toContain('hunter2');
  });

  test('that is not there is named, with the flag', () => {
    const problem = problemOf({ env: {}, file: join(folder, 'nowhere.yaml') });
    expect(problem).toContain('nowhere.yaml');
    expect(problem).toContain('--config');
  });
});

describe('secrets', () => {
  test('are read from files, without the line end that editors add', () => {
    const path = aFile('key', `${KEY}\n`);
    const config = fromEnv({ PRIVACY_MASK: 'ani', PRIVACY_KEY_FILE: path });
    expect(config.privacy?.key.reveal()).toBe(KEY);
    expect(describeConfig(config)).toContainEqual(
      expect.objectContaining({ key: 'PRIVACY_KEY', value: '********', origin: `file ${path} (PRIVACY_KEY_FILE)` }),
    );
  });

  test('may be named by file in the config file too; the environment wins in either spelling', () => {
    const file = aFile('secret.yaml', `PRIVACY_KEY_FILE: ${aFile('key2', `${KEY} of a file`)}\n`);
    expect(loadConfig({ env: { PRIVACY_MASK: 'ani' }, file }).privacy?.key.reveal()).toBe(`${KEY} of a file`);
    const env = { PRIVACY_MASK: 'ani', PRIVACY_KEY: KEY };
    expect(loadConfig({ env, file }).privacy?.key.reveal()).toBe(KEY);
  });

  test('given twice, or in a file that is missing or empty, are an error', () => {
    const path = aFile('key3', 'hunter2');
    expect(problemIn({ PRIVACY_KEY: 'x', PRIVACY_KEY_FILE: path })).toContain('set together with PRIVACY_KEY_FILE');
    expect(problemIn({ PRIVACY_KEY_FILE: join(folder, 'no-key') })).toMatch(
      /PRIVACY_KEY_FILE: cannot be read .*ENOENT/,
    );
    expect(problemIn({ PRIVACY_KEY_FILE: aFile('key4', '\n') })).toContain('is empty');
  });

  test('only secrets and certificates have a _FILE: PARTITIONS_FILE means nothing', () => {
    expect(problemOf({ env: {}, file: aFile('j.yaml', 'PARTITIONS_FILE: x') })).toContain('no such setting');
  });

  test('a key that was put where a certificate belongs is not shown', () => {
    const problem = problemIn({ KAFKA_SSL: 'true', KAFKA_SSL_CERT: 'hunter2', KAFKA_SSL_KEY: 'hunter3' });
    expect(problem).toContain('KAFKA_SSL_CERT: not PEM');
    expect(problem).toContain('KAFKA_SSL_KEY: not PEM');
    expect(problem).not.toMatch(/hunter/);
  });

  test('are masked however the configuration is printed', () => {
    const config = fromEnv({ PRIVACY_MASK: 'ani', PRIVACY_KEY: `hunter2 ${KEY}`, CLICKHOUSE_PASSWORD: 'hunter3' });
    const printed = [
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true }),
      JSON.stringify(describeConfig(config)),
      String(config.privacy?.key),
    ];
    for (const text of printed) expect(text).not.toMatch(/hunter/);
  });
});

test('the configuration cannot be changed', () => {
  const config = fromEnv({ QUEUES: 'a,b' });
  expect(Object.isFrozen(config.topics)).toBe(true);
  expect(Object.isFrozen(config.genesys.queues)).toBe(true);
  expect(Object.isFrozen(config.settings.PARTITIONS)).toBe(true);
});

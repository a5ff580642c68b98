import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { OperatorError } from '../../../src/common';
import { loadEngine } from '../../../src/embedded/clickhouse/engine';
import { containerEngineAnswers } from '../../../src/embedded/containers';
import { kafkaProperties, kafkaSettings } from '../../../src/embedded/kafka-settings';
import { cacheDir, parseChecksums, readPart } from '../../../src/embedded/parts';
import { freePorts, keepOrFindPorts } from '../../../src/embedded/ports';
import { namingPath } from '../../../src/embedded/remedy';
import { provideKafka, provideRegistry } from '../../../src/embedded/services';

describe('the broker’s settings', () => {
  const settings = kafkaSettings(
    { clientPort: 1, controllerPort: 2, logDir: '/data' },
    { 'log.cleaner.backoff.ms': 100 },
  );

  test('listen on the loopback interface only', () => {
    expect(settings['listeners']).toBe('PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2');
    expect(settings['advertised.listeners']).toBe('PLAINTEXT://127.0.0.1:1');
  });

  test('leave every limit of Kafka at its default: what queuefold needs beyond one it sets on its topics', () => {
    const limits = Object.keys(settings).filter((name) => /max|limit|quota|bytes|retention|timestamp/.test(name));
    expect(limits).toEqual([]);
  });

  test('give way to what the caller sets', () => {
    expect(kafkaProperties(settings)).toContain('log.cleaner.backoff.ms=100\n');
  });

  test('take any path', () => {
    expect(kafkaProperties({ 'log.dirs': 'C:\\data dir' })).toBe('log.dirs=C:\\\\data dir\n');
  });
});

describe('ports', () => {
  test('that are remembered and free are kept', async () => {
    const ports = await freePorts(2);
    expect(await keepOrFindPorts(ports, 2)).toEqual(ports);
  });

  test('that an earlier version remembered are kept where it had fewer', async () => {
    const ports = await freePorts(1);
    expect(await keepOrFindPorts(ports, 2)).toEqual([ports[0], expect.any(Number)]);
  });

  test('are replaced when one is taken', async () => {
    const ports = await freePorts(2);
    const server = createServer().listen({ host: '127.0.0.1', port: ports[1] });
    await once(server, 'listening');
    expect(await keepOrFindPorts(ports, 2)).not.toEqual(ports);
    server.close();
  });
});

describe('the cache folder', () => {
  test.each([
    [{ QUEUEFOLD_CACHE_DIR: '/own', XDG_CACHE_HOME: '/xdg' }, '/own'],
    [{ XDG_CACHE_HOME: '/xdg' }, '/xdg/queuefold'],
  ])('with %j is %s', (env, folder) => {
    expect(cacheDir(env)).toBe(folder);
  });
});

describe('the shipped checksums', () => {
  test('name Kafka and the registry in the versions of the pom', async () => {
    expect([...(await readPart('kafka')).files.keys()]).toContain('kafka_2.13-4.1.0.jar');
    expect([...(await readPart('registry')).files.keys()]).toEqual(['apicurio-registry-app-3.0.9-all.tar.gz']);
  });

  test('without a part are an error, not an empty folder', () => {
    expect(() => parseChecksums('', 'kafka')).toThrow(/Reinstall/);
  });
});

test('a full disk is named with the folder and the remedy', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  await expect(namingPath('data directory', '/d', () => Promise.reject(full))).rejects.toThrow(
    'data directory /d: ENOSPC: no space left on device, write. The disk is full. Free some space.',
  );
});

test.each([
  ['ENOENT', 'queuefold cannot create it'],
  ['EACCES', 'This user may not write there'],
  ['EROFS', 'It is read-only'],
])(
  'a data directory that answers %s, as in the plain image, names DATA_DIR and the embedded image',
  async (code, what) => {
    const error = Object.assign(new Error(`${code}: mkdir '.queuefold'`), { code });
    const refused = namingPath('data directory', '.queuefold', () => Promise.reject(error));
    await expect(refused).rejects.toThrow(OperatorError);
    await expect(refused).rejects.toThrow(
      new RegExp(
        `^data directory \\.queuefold: ${code}: .*${what}.*DATA_DIR.*docker build --target queuefold-embedded`,
      ),
    );
  },
);

test('an installation without the embedded ClickHouse names the package and the embedded image', () => {
  const load = (name: string) => {
    throw new Error(`Cannot find module '${name}'\nRequire stack: …`);
  };
  expect(() => loadEngine(load)).toThrow(OperatorError);
  expect(() => loadEngine(load)).toThrow(
    /Cannot find module 'chdb'\. Either install it \(npm install chdb@[\d.]+, .*CLICKHOUSE_URL.*docker build --target queuefold-embedded/,
  );
});

describe('the choice of services', () => {
  test('what is configured is used as it is, and nothing is started', async () => {
    const kafka = await provideKafka({ dataDir: '/nowhere', configured: 'a:1, b:2' });
    const registry = await provideRegistry({ dataDir: '/nowhere', configured: 'http://registry:8081/' });
    expect([kafka.source, kafka.brokers]).toEqual(['configured', ['a:1', 'b:2']]);
    expect([registry.source, registry.url]).toEqual(['configured', 'http://registry:8081']);
  });

  test('an engine that does not answer is none', async () => {
    const [port = 0] = await freePorts(1);
    expect(await containerEngineAnswers({ DOCKER_HOST: `tcp://127.0.0.1:${port}` })).toBe(false);
    expect(await containerEngineAnswers({ DOCKER_HOST: 'unix:///no/such.sock' })).toBe(false);
    expect(await containerEngineAnswers({ DOCKER_HOST: 'nonsense' })).toBe(false);
  });
});

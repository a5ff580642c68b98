import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { containerEngineAnswers, startKafkaContainer, startRegistryContainer } from '../../../src/embedded/containers';
import { engineApi, type EngineApi } from '../../support/deployment/engine-api';

const folder = mkdtempSync(join(tmpdir(), 'queuefold-containers-'));
const before = { ...process.env };
let engine: EngineApi;

beforeAll(async () => {
  engine = await engineApi(folder);
  process.env['DOCKER_HOST'] = engine.url;
});
afterEach(() => {
  delete process.env['TESTCONTAINERS_RYUK_DISABLED'];
});
afterAll(async () => {
  process.env = before;
  await engine.stop();
  rmSync(folder, { recursive: true });
});

describe('where a container engine is found, ports are published on 127.0.0.1 only', () => {
  const options = { dataDir: join(folder, 'data'), data: 'keep' } as const;
  const published = () =>
    engine.asked.flatMap(({ Image, HostConfig }) =>
      Object.values(HostConfig.PortBindings).flatMap((bindings) => bindings.map(({ HostIp }) => [Image, HostIp])),
    );

  test('those of what removes containers that are left behind', async () => {
    await expect(startKafkaContainer(options)).rejects.toThrow('creates nothing');
    expect(published()).toEqual([[expect.stringContaining('ryuk'), '127.0.0.1']]);
  });

  test('those of Kafka and the registry', async () => {
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
    await expect(startKafkaContainer(options)).rejects.toThrow('creates nothing');
    await expect(startRegistryContainer(options)).rejects.toThrow('creates nothing');
    expect(published().slice(1)).toEqual([
      [expect.stringContaining('kafka'), '127.0.0.1'],
      [expect.stringContaining('registry'), '127.0.0.1'],
    ]);
  });

  test('so that an engine of another machine is none', async () => {
    expect(await containerEngineAnswers({ DOCKER_HOST: 'tcp://engine.example:2375' })).toBe(false);
  });
});

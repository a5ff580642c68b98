import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { packageRoot } from '../../src/common';
import { ContainerEngine, type Container } from '../support/deployment/container-engine';
import { freePorts } from '../support/network/free-ports';
import { kafkaForTests, registryForTests } from '../support/services/services';

// Three installations and a compilation for the two images, on a small and busy machine.
jest.setTimeout(1_200_000);

const manifest = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as Readonly<{
  version: string;
  description: string;
  license: string;
  dependencies: Readonly<Record<string, string>>;
}>;
const READY = `fetch('http://127.0.0.1:9464/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;

let engine: ContainerEngine;
let image: string;
let embedded: string;

beforeAll(async () => {
  const found = await ContainerEngine.find();
  if (!(found instanceof ContainerEngine)) {
    throw new Error(`No engine runs a container here:\n${found.join('\n')}\nOn Debian: apt-get install podman runc.`);
  }
  engine = found;
  image = await engine.build('queuefold', { REVISION: 'abc123' });
  embedded = await engine.build('queuefold-embedded', { REVISION: 'abc123' });
});
afterAll(() => engine.dispose());

const confined = (name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  engine.run(name, [...engine.confined, ...variables(env)], args);
const variables = (env: Readonly<Record<string, string>>) =>
  Object.entries(env).map(([name, value]) => `--env=${name}=${value}`);

/** What JavaScript in a container of the image gives, as JSON. */
async function evaluated(name: string, code: string): Promise<unknown> {
  const script = `console.log(JSON.stringify(${code}))`;
  const { stdout } = await engine.run(name, [...engine.confined, '--entrypoint=node'], ['-e', script]);
  return JSON.parse(stdout);
}

/** Looks until it is so; the test's own time limit ends it. */
async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 200));
}

describe('the image', () => {
  test('has the program with its dependencies, and nothing that only development or the embedded parts need', async () => {
    expect(await evaluated(image, `fs.readdirSync('/app').sort()`)).toEqual(
      ['.npmrc', 'LICENSE', 'bin', 'dist', 'node_modules', 'package-lock.json', 'package.json', 'schemas'].sort(),
    );
    const needed = [...Object.keys(manifest.dependencies), 'aws-msk-iam-sasl-signer-js'];
    const names = [...needed, 'typescript', 'jest', 'eslint', 'chdb', 'testcontainers'];
    const code = `${JSON.stringify(names)}.filter((name) => fs.existsSync('/app/node_modules/' + name))`;
    expect(await evaluated(image, code)).toEqual(needed);
  });

  test('says what it is', async () => {
    const labels = JSON.parse(await engine.inspect(image, '{{json .Config.Labels}}')) as Record<string, string>;
    expect(labels).toMatchObject({
      'org.opencontainers.image.title': 'queuefold',
      'org.opencontainers.image.description': manifest.description,
      'org.opencontainers.image.licenses': manifest.license,
      'org.opencontainers.image.version': manifest.version,
      'org.opencontainers.image.revision': 'abc123',
    });
  });

  test('runs read-only, without capabilities and a network, as a user that can write nothing of it', async () => {
    expect(await confined(image, ['--version'])).toMatchObject({ code: 0, stdout: `${manifest.version}\n` });
    const config = await confined(image, ['config', '--json'], { KAFKA_BROKERS: 'kafka:9092' });
    expect([config.code, config.stdout]).toEqual([0, expect.stringContaining('kafka:9092')]);
    const status = (await evaluated(image, `fs.readFileSync('/proc/self/status', 'utf8')`)) as string;
    expect(status).toMatch(/^Uid:\t10001\t10001\t10001\t10001$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    const own = `fs.readdirSync('/app', { recursive: true }).filter((path) => fs.lstatSync('/app/' + path).uid !== 0)`;
    expect(await evaluated(image, own)).toEqual([]);
  });

  test('has the program on its PATH, so that nobody needs npx, which would ask npm for it', async () => {
    for (const name of [image, embedded]) {
      const { code, stdout } = await engine.run(name, [...engine.confined, '--entrypoint=queuefold'], ['--version']);
      expect([name, code, stdout]).toEqual([name, 0, `${manifest.version}\n`]);
    }
  });

  test('shows its help when nothing is asked, and ends with 2 at what is no configuration', async () => {
    const help = await confined(image, []);
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('Usage:')]);
    const lacking = await confined(image, ['fold']);
    expect([lacking.code, lacking.stderr]).toEqual([2, expect.stringContaining('KAFKA_BROKERS')]);
    expect((await confined(image, ['folds'])).code).toBe(2);
  });

  test('names the image that has the embedded parts to who starts them in this one', async () => {
    const { code, stderr } = await confined(image, ['start']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('--target queuefold-embedded')]);
  });

  test('a role comes up to health on a real Kafka, ends with 0 when it is stopped, and comes up again', async () => {
    const [port = 0] = await freePorts(1);
    const env = {
      KAFKA_BROKERS: (await kafkaForTests()).brokers.join(','),
      SCHEMA_REGISTRY_URL: (await registryForTests()).url,
      TOPIC_PREFIX: `image-${process.pid}`,
      PARTITIONS: '2',
      REPLICATION_FACTOR: '1',
      HTTP_PORT: String(port),
    };
    // The broker listens on loopback.
    const options = [...engine.confined, '--network=host', ...variables(env)];
    const setup = await engine.command(['run', '--rm', ...options, image, 'setup']);
    expect([setup.code, setup.stdout]).toEqual([0, expect.stringContaining('queue-conversation.v1')]);

    const ready = () =>
      fetch(`http://127.0.0.1:${port}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    const fold = await engine.start(image, options, ['fold']);
    await until(ready);
    expect(await fold.stop()).toBe(0);
    await fold.startAgain();
    await until(ready);
    expect(await fold.kill()).toBe(137);
  });
});

describe('the image with ClickHouse embedded', () => {
  const answers = (container: Container) => async () => (await container.exec(['node', '-e', READY])).code === 0;

  test('has chdb, and no way to start containers', async () => {
    const names = ['chdb', 'testcontainers', 'dockerode', 'typescript'];
    const code = `${JSON.stringify(names)}.filter((name) => fs.existsSync('/app/node_modules/' + name))`;
    expect(await evaluated(embedded, code)).toEqual(['chdb']);
  });

  test('has a live table without any other part, read-only, and comes up again on the same volume', async () => {
    const container = await engine.start(embedded, ['--network=none', ...engine.confined], []);
    await until(answers(container));
    const rows = async () => {
      const { stdout } = await container.exec(['queuefold', 'query', 'SELECT count() FROM queue_conversation_state']);
      return Number(/\d+/.exec(stdout)?.[0] ?? 0);
    };
    await until(async () => (await rows()) > 0);
    const second = await engine.run(embedded, [...engine.confined, `--volumes-from=${container.name}`], []);
    expect([second.code, second.stderr]).toEqual([
      1,
      expect.stringContaining('in use by a process of another container'),
    ]);
    expect(await rows()).toBeGreaterThan(0);
    expect(await container.stop()).toBe(0);
    await container.startAgain();
    await until(answers(container));
    expect(await container.stop()).toBe(0);
  });

  test('replays a recording into ClickHouse, read-only', async () => {
    const recording = join(packageRoot(), 'test', 'fixtures', 'cases', '04-answered.input.ndjson');
    const options = [...engine.confined, `--volume=${recording}:/recording.ndjson:ro`];
    const { code, stdout } = await engine.run(embedded, options, [
      'replay',
      '/recording.ndjson',
      '--store',
      'embedded',
    ]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('"queue_id":"Q1"')]);
  });
});

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { packageRoot } from '../../src/common';
import { containerCommand, imageAssembler, type AssembledImage } from '../support/deployment/image';
import { kafkaForTests, registryForTests } from '../support/services';

// Two installations and a compilation, on a small and busy machine.
jest.setTimeout(600_000);

const manifest = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as Readonly<{
  version: string;
  dependencies: Readonly<Record<string, string>>;
}>;
const folder = mkdtempSync(join(tmpdir(), 'queuefold-image-'));
const assemble = imageAssembler(folder);
const running: ChildProcess[] = [];

beforeAll(() => chmodSync(folder, 0o755)); // the image's user is another one
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(image: AssembledImage, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const command = containerCommand(image, args, env);
  const { stdout } = await promisify(execFile)(command.program, command.args, { cwd: command.cwd, env: command.env });
  return stdout;
}

/** Starts it, and resolves with the address of its health when it has logged where that is. */
async function start(
  image: AssembledImage,
  args: readonly string[] | undefined,
  env: Readonly<Record<string, string>>,
) {
  const command = containerCommand(image, args, { HTTP_PORT: '0', HTTP_HOST: '127.0.0.1', ...env });
  const child = spawn(command.program, command.args, {
    cwd: command.cwd,
    env: command.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let said = '';
  const url = await new Promise<string>((found, failed) => {
    const look = (text: Buffer) => {
      said += text.toString();
      const [, address] = /(http:\/\/[\d.:]+)\/metrics/.exec(said) ?? [];
      if (address !== undefined) found(address);
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('exit', (code) => failed(new Error(`ended with ${code ?? 'a signal'}: ${said}`)));
  });
  return { child, url };
}

/** Asks until the answer is 200; the test's own time limit ends it. */
async function healthy(url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/health/ready`);
    if (answer.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function stop(child: ChildProcess): Promise<number | null> {
  const exited = once(child, 'exit') as Promise<[number | null]>;
  child.kill('SIGTERM');
  return (await exited)[0];
}

describe('what the image would hold', () => {
  test('is the program with its dependencies, and nothing that only development or the embedded parts need', async () => {
    const { root } = await assemble('queuefold');
    const app = join(root, 'app');
    expect(readdirSync(app).sort()).toEqual(
      ['.npmrc', 'LICENSE', 'bin', 'dist', 'node_modules', 'package-lock.json', 'package.json', 'schemas'].sort(),
    );
    const has = (name: string) => existsSync(join(app, 'node_modules', name));
    expect(Object.keys(manifest.dependencies).filter((name) => !has(name))).toEqual([]);
    expect(['typescript', 'jest', 'eslint', 'prettier', 'chdb', 'testcontainers'].filter(has)).toEqual([]);
  });

  test('starts as a user that is not root and owns no file of it', async () => {
    const image = await assemble('queuefold');
    expect(image.user).toEqual({ uid: 10001, gid: 10001 });
    expect(await run(image, ['--version'])).toBe(`${manifest.version}\n`);
    const settings = await run(image, ['config', '--json'], { KAFKA_BROKERS: 'kafka:9092' });
    expect(settings).toContain('kafka:9092');
    expect(existsSync(join(image.root, 'app', '.queuefold'))).toBe(false);
  });

  test('a role comes up to health on a real Kafka, and ends with 0 at SIGTERM', async () => {
    const image = await assemble('queuefold');
    const env = {
      KAFKA_BROKERS: (await kafkaForTests()).brokers.join(','),
      SCHEMA_REGISTRY_URL: (await registryForTests()).url,
      TOPIC_PREFIX: `image-${process.pid}`,
      PARTITIONS: '2',
      REPLICATION_FACTOR: '1',
    };
    expect(await run(image, ['setup'], env)).toContain(`created topic ${env.TOPIC_PREFIX}.queue-conversation.v1`);
    const { child, url } = await start(image, ['fold'], env);
    await healthy(url);
    expect(await stop(child)).toBe(0);
  });
});

describe('the image with ClickHouse embedded', () => {
  test('has a live table without any other part, and writes to its volume only', async () => {
    const image = await assemble('queuefold-embedded');
    const { child, url } = await start(image, undefined, {});
    await healthy(url);
    expect(await stop(child)).toBe(0);
    expect(readdirSync(join(image.root, 'data'))).toEqual(['memory']);
  });
});

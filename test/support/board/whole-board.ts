import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../src/common';
import type { Truth } from '../../../src/simulator';
import { serverForTests } from '../clickhouse/clickhouse-server';
import { startGate, type Gate } from '../network/gate';
import { EndedError, until } from '../processes/until';
import { ownKafkaForTests, registryForTests } from '../services/services';

/** `queuefold start` with a Kafka and a ClickHouse that a test may make unreachable. */
export interface WholeBoard {
  readonly url: string;
  readonly kafka: Awaited<ReturnType<typeof ownKafkaForTests>>;
  /** The program's connection to ClickHouse. */
  readonly clickHouse: Gate;
  /** The simulated organization's truth. */
  truth(): Promise<Truth>;
  /** Stops the organization's time, or lets it continue. */
  control(name: 'pause' | 'resume'): Promise<void>;
  /** The database of ClickHouse's tables. */
  readonly database: string;
  /** Asks ClickHouse directly, without `clickHouse`. */
  query<T>(sql: string): Promise<readonly T[]>;
  /** Stops the program, or lets it continue. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** @throws if the program has ended */
  check(): void;
  stop(): Promise<void>;
}

const START_MS = 240_000;

/** A real Kafka, the simulated organization, ClickHouse, and every role in one process. */
export async function startWholeBoard(): Promise<WholeBoard> {
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-board-'));
  const [kafka, registry, server] = await Promise.all([ownKafkaForTests(), registryForTests(), serverForTests()]);
  const address = new URL(server.url);
  const clickHouse = await startGate(Number(address.port));
  const database = server.newDatabase();
  const program = spawn(
    process.execPath,
    [join(packageRoot(), 'bin', 'queuefold.js'), 'start', '--rate', '2', '--agents', '6', '--queues', '6'],
    {
      env: {
        ...{ PATH: process.env['PATH'], HOME: process.env['HOME'], DATA_DIR: folder, HTTP_PORT: '0', TZ: 'UTC' },
        ...{ KAFKA_BROKERS: kafka.brokers.join(','), SCHEMA_REGISTRY_URL: registry.url, REPLICATION_FACTOR: '1' },
        TOPIC_PREFIX: `board-${randomUUID().slice(0, 8)}`,
        ...server.env(database, `http://127.0.0.1:${clickHouse.port}`),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const ended = once(program, 'exit');
  let said = '';
  program.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const stop = async (): Promise<void> => {
    program.kill('SIGCONT');
    program.kill('SIGTERM');
    await ended;
    await clickHouse.stop();
    await Promise.all([kafka.dispose(), server.dispose()]);
    await rm(folder, { recursive: true, force: true });
  };
  const check = (): void => {
    if (program.exitCode !== null) throw new EndedError(`start has ended: ${said}`);
  };
  let [url, truthUrl] = ['', ''];
  try {
    await until('start to say where its board is', START_MS, () => {
      check();
      url = /^Board\s+(\S+)$/m.exec(said)?.[1] ?? '';
      truthUrl = /simulated: (\S+)\/truth/.exec(said)?.[1] ?? '';
      return url !== '' && truthUrl !== '';
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...{ url, kafka, clickHouse, database, check, stop },
    truth: async () => (await fetch(`${truthUrl}/truth`)).json() as Promise<Truth>,
    control: async (name) => {
      const answer = await fetch(`${truthUrl}/control/${name}`, { method: 'POST' });
      if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
    },
    query: async <T>(sql: string) => {
      const credentials = Buffer.from(`${server.username}:${server.password}`).toString('base64');
      const headers = { authorization: `Basic ${credentials}` };
      const answer = await fetch(server.url, { method: 'POST', body: `${sql} FORMAT JSONEachRow`, headers });
      const text = await answer.text();
      if (!answer.ok) throw new Error(text);
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as T);
    },
    signal: (name) => void program.kill(name),
  };
}

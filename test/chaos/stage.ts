import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/common/package-root';
import type { EmbeddedKafka } from '../../src/embedded/kafka';
import { startSimulator, type Simulator } from '../../src/genesys/simulator';
import { clickHouseProcess } from '../support/clickhouse-process';
import { ownKafkaForTests, ownRegistryForTests } from '../support/services';
import { createRole, type Environment, type Role } from './role-process';

export const PARTITIONS = 8;

/** Everything that takes part: services of the run's own, the organisation, four processes of queuefold. */
export interface Stage {
  readonly env: Environment;
  readonly kafka: EmbeddedKafka;
  readonly simulator: Simulator;
  readonly bridge: Role;
  readonly folds: readonly [Role, Role];
  readonly sink: Role;
  readonly roles: readonly Role[];
  /** Ends every process and removes the data, whatever happened before. */
  dispose(): Promise<void>;
}

export interface StageOptions {
  readonly seed: number;
  /** New conversations a second of the organisation's time, which runs `speed` times as fast as the clock. */
  readonly conversationsPerSecond: number;
  readonly speed: number;
}

export async function setStage(options: StageOptions): Promise<Stage> {
  const disposers: (() => Promise<void>)[] = [];
  const dispose = async (): Promise<void> => {
    for (const each of disposers.splice(0).reverse()) {
      await each().catch((error: unknown) => process.stderr.write(`cleaning up: ${String(error)}\n`));
    }
  };
  const own = <T>(part: T, end: () => Promise<void>): T => {
    disposers.push(end);
    return part;
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'queuefold-chaos-'));
    own(folder, () => rm(folder, { recursive: true, force: true }));
    const [kafka, registry, clickHouse] = await allOf([
      ownKafkaForTests().then((part) => own(part, part.dispose)),
      ownRegistryForTests().then((part) => own(part, part.dispose)),
      clickHouseProcess(join(folder, 'clickhouse')).then((part) => own(part, part.stop)),
    ]);
    const simulator = await startSimulator({ ...options, queues: 8, agents: 200, startPaused: true });
    own(simulator, simulator.stop);
    const env: Environment = {
      KAFKA_BROKERS: kafka.brokers.join(','),
      SCHEMA_REGISTRY_URL: registry.url,
      CLICKHOUSE_URL: clickHouse.url,
      GENESYS_CLIENT_ID: simulator.clientId,
      GENESYS_CLIENT_SECRET: simulator.clientSecret,
      GENESYS_LOGIN_URL: simulator.loginUrl,
      GENESYS_API_URL: simulator.apiUrl,
      TOPIC_PREFIX: 'chaos',
      PARTITIONS: String(PARTITIONS),
      REPLICATION_FACTOR: '1',
      HTTP_PORT: '0',
      HTTP_HOST: '127.0.0.1',
      DATA_DIR: folder,
    };
    await promisify(execFile)(process.execPath, [join(packageRoot(), 'bin', 'queuefold.js'), 'setup'], {
      env: { PATH: process.env['PATH'], ...env },
    });
    const role = (name: string, command: string): Role => {
      const created = createRole(name, command, env);
      return own(created, () => created.kill());
    };
    const bridge = role('bridge', 'bridge');
    const folds = [role('fold-1', 'fold'), role('fold-2', 'fold')] as const;
    const sink = role('sink', 'sink');
    return { env, kafka, simulator, bridge, folds, sink, roles: [bridge, ...folds, sink], dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** As Promise.all, but nothing is still starting when it rejects. */
async function allOf<T extends readonly Promise<unknown>[]>(
  parts: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(parts);
  return Promise.all(parts);
}

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { packageRoot } from '../../src/common/package-root';
import { loadConfig } from '../../src/config';
import type { EmbeddedKafka } from '../../src/embedded/kafka';
import { startSimulator, type Simulator } from '../../src/genesys/simulator';
import { createRowCodec } from '../../src/log/codec/codecs';
import { createMetrics } from '../../src/ops/metrics';
import { followLiveRows, type LiveRows } from '../../src/pipeline/live-rows';
import { connectKafka } from '../../src/roles/connect';
import { createRole, type Environment, type Role } from '../chaos/role-process';
import { until } from '../chaos/until';
import { ownKafkaForTests, ownRegistryForTests } from '../support/services';
import { createSoakBridge, type SoakBridge } from './bridge';
import { SOAK_RECONCILIATION } from './timings';

/** The organisation, a bridge to be killed, a fold, and the table as anybody reads it from the topic. */
export interface Stage {
  readonly kafka: EmbeddedKafka;
  readonly simulator: Simulator;
  readonly bridge: SoakBridge;
  /** A second one on the same queues, for whoever starts it. */
  readonly peer: SoakBridge;
  readonly fold: Role;
  readonly table: LiveRows;
  /** Until what was lost without a gap has been asked for, ms of the organisation's time. */
  readonly slowestMs: number;
  start(): Promise<void>;
  dispose(): Promise<void>;
}

export interface StageOptions {
  readonly seed: number;
  readonly acceleration: number;
  readonly conversationsPerSecond: number;
}

/** Kafka and the registry of the run's own, and whatever else has to be ended. */
export interface Services {
  readonly kafka: EmbeddedKafka;
  own(end: () => Promise<void>): void;
  /** The settings of a process, with its topics set up. */
  environment(more: Environment): Promise<Environment>;
  /** Ends everything, the last first, whatever happened before. */
  dispose(): Promise<void>;
}

const LIMIT_MS = 60_000;

export async function setServices(): Promise<Services> {
  const disposers: (() => Promise<void>)[] = [];
  const own = (end: () => Promise<void>): void => void disposers.push(end);
  const dispose = async (): Promise<void> => {
    for (const each of disposers.splice(0).reverse()) {
      await each().catch((error: unknown) => process.stderr.write(`cleaning up: ${String(error)}\n`));
    }
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'queuefold-soak-'));
    own(() => rm(folder, { recursive: true, force: true }));
    const kafka = await ownKafkaForTests();
    own(kafka.dispose);
    const registry = await ownRegistryForTests();
    own(registry.dispose);
    return {
      ...{ kafka, own, dispose },
      async environment(more) {
        const env: Environment = {
          KAFKA_BROKERS: kafka.brokers.join(','),
          SCHEMA_REGISTRY_URL: registry.url,
          TOPIC_PREFIX: 'soak',
          PARTITIONS: '4',
          REPLICATION_FACTOR: '1',
          HTTP_PORT: '0',
          HTTP_HOST: '127.0.0.1',
          DATA_DIR: folder,
          ...more,
        };
        await promisify(execFile)(process.execPath, [join(packageRoot(), 'bin', 'queuefold.js'), 'setup'], {
          env: { PATH: process.env['PATH'], ...env },
        });
        return env;
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

export async function setStage({ seed, acceleration, conversationsPerSecond }: StageOptions): Promise<Stage> {
  const services = await setServices();
  try {
    const simulator = await startSimulator({
      ...{ seed, acceleration, conversationsPerSecond, queues: 8, agents: 200, startPaused: true },
    });
    services.own(simulator.stop);
    const env = await services.environment({
      GENESYS_CLIENT_ID: simulator.clientId,
      GENESYS_CLIENT_SECRET: simulator.clientSecret,
      GENESYS_LOGIN_URL: simulator.loginUrl,
      GENESYS_API_URL: simulator.apiUrl,
      // Half a minute of the organisation's time: a new queue is found while a round recovers.
      QUEUES_EVERY: `${Math.max(1, Math.round(30 / acceleration))}s`,
    });
    const bridge = createSoakBridge(env, acceleration);
    services.own(bridge.kill);
    const peer = createSoakBridge(env, acceleration);
    services.own(peer.kill);
    const fold = createRole('fold', 'fold', env);
    services.own(() => fold.kill());
    const { log, schemas, topics } = connectKafka(loadConfig({ env }), pino({ enabled: false }), createMetrics());
    services.own(() => log.close());
    const table = await followLiveRows(log, topics.state, await createRowCodec(schemas, topics));
    const { silentDigitalMs, compareEveryMs, graceMs } = SOAK_RECONCILIATION;
    return {
      kafka: services.kafka,
      ...{ simulator, bridge, peer, fold, table, dispose: services.dispose },
      slowestMs: silentDigitalMs + compareEveryMs + 2 * graceMs,
      async start() {
        fold.start();
        bridge.start();
        await until('fold and bridge to be ready', LIMIT_MS, async () => (await fold.ready()) && bridge.last().ready);
      },
    };
  } catch (error) {
    await services.dispose();
    throw error;
  }
}

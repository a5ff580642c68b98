import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { pino } from 'pino';
import { loadConfig } from '../../../src/config';
import type { LogRecord } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { startSimulator } from '../../../src/simulator';
import { type Connected, connectKafka } from '../../../src/wiring';
import { mountSmallDisk, type SmallDisk } from '../../support/files/small-disk';
import { genesysSettings } from '../../support/genesys/genesys-settings';
import { readAll } from '../../support/log/read-all';
import { freePorts } from '../../support/network/free-ports';
import { createRole, type Environment, type Role } from '../../support/processes/role-process';
import { quietAndCompared } from '../chaos/chaos';
import type { Comparison } from '../chaos/check';
import type { Drill } from './drills';
import { perform, watching, type DrillReport } from './perform';
import { ended, firing, metric, type Watched } from './signs';

/** `queuefold start`, with the real Kafka, registry and ClickHouse on a small disk of their own. */
interface DiskStage extends Watched {
  readonly disk: SmallDisk;
  readonly start: Role;
  readonly witness: Witness;
}

interface Witness {
  begin(): Promise<void>;
  end(): Promise<void>;
  readonly seen: readonly LogRecord[];
}

const DISK_MB = 512;
/** A disk that is full is full for ClickHouse, Kafka and the registry; each may be the first to end. */
const FULL = /the disk of \S+ is full\. Free some space\./;
const REST_LIMIT_MS = 120_000;
/** Where Java and what was fetched once are found. */
const TOOLS = ['HOME', 'JAVA_HOME', 'MAVEN_HOME', 'XDG_CACHE_HOME', 'QUEUEFOLD_CACHE_DIR'];

export const FULL_DISK: Drill<DiskStage> = {
  name: 'the disk of the embedded parts is full',
  async begin({ disk, witness }) {
    await witness.begin();
    await disk.fill();
  },
  signs: [
    ended('start', 1, FULL),
    metric('up', (up) => up === 0),
    ...['kafka', 'state', 'store'].map((stage) => firing('QueuefoldStageAbsent', { stage })),
  ],
  also: ['QueuefoldWatermarkStale', 'QueuefoldSinkStalled'],
  async end({ disk, start, witness }) {
    await witness.end();
    await disk.free();
    start.start();
  },
};

/** @throws MountError where this machine lets nobody mount a disk */
export async function drillFullDisk(seed: number, say: (text: string) => void): Promise<DrillReport> {
  const disposers: (() => Promise<unknown>)[] = [];
  try {
    const folder = await mkdtemp(join(tmpdir(), 'queuefold-full-disk-'));
    disposers.push(() => rm(folder, { recursive: true, force: true }));
    const disk = await mountSmallDisk(join(folder, 'data'), DISK_MB);
    disposers.push(disk.unmount);
    const simulator = await startSimulator({ seed, conversationsPerSecond: 1, speed: 5, queues: 8, agents: 200 });
    disposers.push(simulator.stop);
    const [port = 0] = await freePorts(1);
    const env = {
      ...Object.fromEntries(TOOLS.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
      DOCKER_HOST: 'unix:///nonexistent/docker.sock', // Kafka and the registry are JVMs, here as everywhere
      DATA_DIR: disk.path,
      HTTP_PORT: String(port),
      ...genesysSettings(simulator),
    };
    const start = createRole('start', 'start', env);
    disposers.push(() => start.stop().catch(() => start.kill()));
    const witness = createWitness({ env, start });
    const stage = { env, disk, start, witness, roles: [start], ports: new Map([[start, port]]) };
    const view = await watching(stage, folder);
    disposers.push(view.prometheus.stop);
    start.start();
    const report = await perform(FULL_DISK, view, say);
    simulator.pause();
    return { ...report, problems: [...report.problems, ...(await lossesOf(stage))] };
  } finally {
    for (const dispose of disposers.reverse()) {
      await dispose().catch((error: unknown) => say(`cleaning up: ${String(error)}`));
    }
  }
}

/** The settings of whoever uses the parts that run in it. */
function environmentOf({ env, start }: Pick<DiskStage, 'env' | 'start'>): Environment {
  const addresses = { KAFKA_BROKERS: 'Kafka', SCHEMA_REGISTRY_URL: 'Registry', CLICKHOUSE_URL: 'SQL' };
  return {
    ...env,
    ...Object.fromEntries(Object.entries(addresses).map(([name, label]) => [name, start.address(label)])),
    CLICKHOUSE_PASSWORD: readFileSync(join(env['DATA_DIR'] ?? '', 'sql-token'), 'utf8').trim(),
  };
}

function connect(stage: Pick<DiskStage, 'env' | 'start'>): Connected {
  return connectKafka(loadConfig({ env: environmentOf(stage) }), pino({ enabled: false }), createMetrics());
}

/** Reads what Kafka has acknowledged, until its last moment. */
function createWitness(stage: Pick<DiskStage, 'env' | 'start'>): Witness {
  const seen: LogRecord[] = [];
  let connected: Connected | null = null;
  return {
    async begin() {
      connected = connect(stage);
      const { log, topics } = connected;
      const onRecord = (record: LogRecord): void => void seen.push(record);
      const reading = await log.read({ topics: [topics.events, topics.state], follow: true, onRecord });
      await reading.caughtUp;
    },
    end: async () => connected?.log.close(),
    seen,
  };
}

/** What the bridge has missed, and asks for now, may come between two looks. */
async function comparedAtRest(stage: DiskStage): Promise<Comparison> {
  const kafka = { brokers: [stage.start.address('Kafka')] };
  const restless = { env: environmentOf(stage), kafka, bridges: [], folds: [], sinks: [] };
  const end = Date.now() + REST_LIMIT_MS;
  for (;;) {
    const comparison = await quietAndCompared(restless, () => undefined);
    if (comparison.differences.length === 0 || Date.now() > end) return comparison;
  }
}

/** Nothing of what was seen is gone, each topic and table is what the one before it makes, as it would be without a fault. */
async function lossesOf(stage: DiskStage): Promise<readonly string[]> {
  const { records, differences } = await comparedAtRest(stage);
  const { log, topics } = connect(stage);
  try {
    const now = new Map<string, LogRecord>();
    for (const topic of [topics.events, topics.state]) {
      for (const record of await readAll(log, topic)) now.set(placeOf(record), record);
    }
    const { seen } = stage.witness;
    const gone = seen.filter((record) => !isDeepStrictEqual(now.get(placeOf(record)), record)).map(placeOf);
    return [
      ...differences,
      ...gone.map((place) => `${place} was acknowledged, and is not there`),
      ...(seen.length > 0 && records > 0 ? [] : ['there was nothing to be compared']),
    ];
  } finally {
    await log.close();
  }
}

const placeOf = ({ topic, partition, offset }: LogRecord): string => `${topic}/${partition} ${offset}`;

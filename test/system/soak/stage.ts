import { pino } from 'pino';
import { followLiveRows, type LiveRows } from '../../../src/bridge';
import { loadConfig } from '../../../src/config';
import type { EmbeddedKafka } from '../../../src/embedded';
import { createRowReader } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { type Simulator, startSimulator } from '../../../src/simulator';
import { connectKafka } from '../../../src/wiring';
import { genesysSettings } from '../../support/genesys/genesys-settings';
import { createRole, type Role } from '../../support/processes/role-process';
import { until } from '../../support/processes/until';
import { setServices } from '../../support/services/own-services';
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
  /** Between two looks of a bridge at the organisation without a gap, in its time. */
  readonly compareEveryMs?: number;
  /** Until a bridge asks again for what may have been overtaken, in its time. */
  readonly againAfterMs?: number;
}

const LIMIT_MS = 180_000;

export async function setStage(options: StageOptions): Promise<Stage> {
  const { seed, acceleration, conversationsPerSecond } = options;
  const { silentDigitalMs, graceMs } = SOAK_RECONCILIATION;
  const { compareEveryMs, againAfterMs } = { ...SOAK_RECONCILIATION, ...options };
  const timings = { compareEveryMs, againAfterMs };
  const services = await setServices('soak');
  try {
    const simulator = await startSimulator({
      ...{ seed, acceleration, conversationsPerSecond, queues: 8, agents: 200, startPaused: true },
    });
    services.own(simulator, simulator.stop);
    const env = await services.environment({
      PARTITIONS: '4',
      ...genesysSettings(simulator),
    });
    const bridge = createSoakBridge(env, acceleration, timings);
    services.own(bridge, bridge.kill);
    const peer = createSoakBridge(env, acceleration, timings);
    services.own(peer, peer.kill);
    const fold = createRole('fold', 'fold', env);
    services.own(fold, fold.kill);
    const [logger, metrics] = [pino({ enabled: false }), createMetrics()];
    const { log, schemas, topics } = connectKafka(loadConfig({ env }), logger, metrics);
    services.own(log, () => log.close());
    const reader = createRowReader(schemas);
    const table = followLiveRows({ log, topic: topics.state, reader, metrics, logger });
    services.own(table, () => table.stop());
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

import { join } from 'node:path';
import type { EmbeddedKafka } from '../../../src/embedded';
import { type Simulator, startSimulator } from '../../../src/simulator';
import { clickHouseProcess } from '../../support/clickhouse/clickhouse-process';
import { createRole, type Environment, type Role } from '../../support/processes/role-process';
import { setServices } from '../../support/services/own-services';

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
  const services = await setServices('chaos');
  const { kafka, folder, own, dispose } = services;
  try {
    const clickHouse = await clickHouseProcess(join(folder, 'clickhouse'));
    own(clickHouse, clickHouse.stop);
    const simulator = await startSimulator({ ...options, queues: 8, agents: 200, startPaused: true });
    own(simulator, simulator.stop);
    const env = await services.environment({
      CLICKHOUSE_URL: clickHouse.url,
      GENESYS_CLIENT_ID: simulator.clientId,
      GENESYS_CLIENT_SECRET: simulator.clientSecret,
      GENESYS_LOGIN_URL: simulator.loginUrl,
      GENESYS_API_URL: simulator.apiUrl,
      PARTITIONS: String(PARTITIONS),
    });
    const role = (name: string, command: string): Role => {
      const created = createRole(name, command, env);
      return own(created, created.kill);
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

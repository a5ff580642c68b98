import { join } from 'node:path';
import type { EmbeddedKafka } from '../../../src/embedded';
import { type Simulator, startSimulator } from '../../../src/simulator';
import { clickHouseProcess } from '../../support/clickhouse/clickhouse-process';
import { genesysSettings } from '../../support/genesys/genesys-settings';
import { createRole, type Environment, type Role } from '../../support/processes/role-process';
import { type OwnServices, setServices } from '../../support/services/own-services';

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

/** A process with ClickHouse and the organisation, for the processes of queuefold with these settings. */
export async function addStoreAndOrganisation(
  services: OwnServices,
  { seed, conversationsPerSecond, speed }: StageOptions,
): Promise<{ readonly simulator: Simulator; readonly env: Environment }> {
  const clickHouse = await clickHouseProcess(join(services.folder, 'clickhouse'));
  services.own(clickHouse, clickHouse.stop);
  const simulator = await startSimulator({
    ...{ seed, conversationsPerSecond, speed, queues: 8, agents: 200, startPaused: true },
  });
  services.own(simulator, simulator.stop);
  const env = await services.environment({
    CLICKHOUSE_URL: clickHouse.url,
    ...genesysSettings(simulator),
    PARTITIONS: String(PARTITIONS),
  });
  return { simulator, env };
}

export async function setStage(options: StageOptions): Promise<Stage> {
  const services = await setServices('chaos');
  const { kafka, own, dispose } = services;
  try {
    const { simulator, env } = await addStoreAndOrganisation(services, options);
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

import { join } from 'node:path';
import type { EmbeddedKafka, EmbeddedRegistry } from '../../../src/embedded';
import { type Simulator, startSimulator } from '../../../src/simulator';
import { clickHouseProcess } from '../../support/clickhouse/clickhouse-process';
import { genesysSettings } from '../../support/genesys/genesys-settings';
import { createAuthority, type Certificate } from '../../support/network/certificates';
import { startConnectProxy } from '../../support/network/connect-proxy';
import { freePorts } from '../../support/network/free-ports';
import { startGate, type Gate } from '../../support/network/gate';
import { startHttpsFront, type HttpsFront } from '../../support/network/http-front';
import { createRole, type Role } from '../../support/processes/role-process';
import { setServices } from '../../support/services/own-services';
import type { Watched } from './signs';

/** A running system, two processes of each role, with everything that they depend on to be broken. */
export interface DrillStage extends Watched {
  readonly kafka: EmbeddedKafka;
  readonly registry: EmbeddedRegistry;
  readonly simulator: Simulator;
  /** The ways to ClickHouse and to Genesys. */
  readonly gates: { readonly clickHouse: Gate; readonly genesys: Gate };
  /** What ClickHouse shows to who connects. */
  readonly certificates: { readonly valid: Certificate; readonly expired: Certificate };
  readonly clickHouseFront: HttpsFront;
  readonly folder: string;
  readonly bridges: readonly Role[];
  readonly folds: readonly Role[];
  readonly sinks: readonly Role[];
  own<T>(part: T, end: () => Promise<void>): T;
  dispose(): Promise<void>;
}

const PARTITIONS = 4;
const EXPIRED = { notBefore: new Date('2024-01-01'), notAfter: new Date('2024-02-01') };
const KINDS = ['bridge', 'fold', 'sink'] as const;

export async function setStage(seed: number): Promise<DrillStage> {
  const services = await setServices('drills');
  const { kafka, registry, folder, own, dispose } = services;
  try {
    const clickHouse = await clickHouseProcess(join(folder, 'clickhouse'));
    own(clickHouse, clickHouse.stop);
    const simulator = await startSimulator({
      ...{ seed, conversationsPerSecond: 1, speed: 5, queues: 8, agents: 200, startPaused: true },
    });
    own(simulator, simulator.stop);
    const proxy = await startConnectProxy();
    own(proxy, proxy.stop);
    const authority = await createAuthority();
    const certificates = {
      valid: await authority.issue({ name: 'clickhouse' }),
      expired: await authority.issue({ name: 'clickhouse', ...EXPIRED }),
    };
    const clickHouseFront = await startHttpsFront({ ...certificates.valid, target: clickHouse.url });
    own(clickHouseFront, clickHouseFront.stop);
    const gates = {
      clickHouse: await startGate(Number(new URL(clickHouseFront.url).port)),
      genesys: await startGate(proxy.port),
    };
    own(gates, async () => {
      await gates.clickHouse.stop();
      await gates.genesys.stop();
    });
    const env = await services.environment({
      CLICKHOUSE_URL: `https://127.0.0.1:${gates.clickHouse.port}`,
      TLS_CA: authority.cert,
      ...genesysSettings(simulator),
      GENESYS_CHANNELS: '9',
      HTTP_PROXY: `http://127.0.0.1:${gates.genesys.port}`,
      PARTITIONS: String(PARTITIONS),
    });
    const ports = await freePorts(2 * KINDS.length);
    const of = new Map<Role, number>();
    const pair = (kind: (typeof KINDS)[number]): readonly Role[] =>
      [1, 2].map((number) => {
        const port = ports.pop() ?? 0;
        const role = createRole(`${kind}-${number}`, kind, { ...env, HTTP_PORT: String(port) });
        of.set(role, port);
        return own(role, role.kill);
      });
    const [bridges, folds, sinks] = [pair('bridge'), pair('fold'), pair('sink')];
    return {
      ...{ env, kafka, registry, simulator, gates, folder, bridges, folds, sinks, own, dispose },
      ...{ certificates, clickHouseFront },
      roles: [...bridges, ...folds, ...sinks],
      ports: of,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

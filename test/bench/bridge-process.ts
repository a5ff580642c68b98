import { startBridgeRole } from '../../src/bridge';
import { loadConfig } from '../../src/config';
import { createKafkaLog, createLocalSchemas, type TopicNames } from '../../src/log';
import { createMetrics } from '../../src/ops';
import { heard, peakMemory, report } from './child';
import { connectionTo } from './cluster';

export interface BridgeProcessArgs {
  readonly brokers: readonly string[];
  readonly topics: TopicNames;
  readonly url: string;
}

export interface BridgeFigures {
  readonly peakBytes: number;
  readonly cpuSeconds: number;
  /** Snapshots that were merged into others because Kafka took them too slowly. */
  readonly coalesced: number;
}

export interface BridgeReports {
  readonly figures: BridgeFigures;
}

/** One bridge, run in the same way as `queuefold bridge`. */
async function main({ brokers, topics, url }: BridgeProcessArgs): Promise<void> {
  const ending = heard('end');
  const metrics = createMetrics();
  const log = createKafkaLog(connectionTo(brokers));
  const { logger } = connectionTo(brokers);
  const bridge = await startBridgeRole({
    ...{ config: loadConfig({ env: {} }), logger, metrics, log, schemas: createLocalSchemas(), topics },
    genesys: { credentials: { clientId: 'c', clientSecret: 's' }, urls: { loginUrl: url, apiUrl: url } },
  });
  const tellFigures = async (): Promise<void> => {
    for (;;) {
      await heard('figures');
      const { user, system } = process.cpuUsage();
      const coalesced = (await metrics.coalesced.get()).values[0]?.value ?? 0;
      report('figures', { peakBytes: peakMemory(), cpuSeconds: (user + system) / 1e6, coalesced });
    }
  };
  await Promise.race([tellFigures(), ending]);
  await bridge.stop();
  await log.close();
  process.exit(0);
}

void main(JSON.parse(process.argv[2] ?? '{}') as BridgeProcessArgs);

import { startBridgeRole } from '../../../src/bridge';
import { loadConfig } from '../../../src/config';
import { DEFAULT_TIMINGS } from '../../../src/genesys';
import { checkHealth, createLogging, createMetrics } from '../../../src/ops';
import { connectKafka } from '../../../src/wiring';
import { SOAK_RECONCILIATION, type SoakTimings } from './timings';

/** What a bridge of the soak tells its parent, every now and then. */
export interface BridgeReport {
  readonly ready: boolean;
  /** Conversations still to be asked for. */
  readonly pending: number;
  /** Of these, those that are known to differ from the table. */
  readonly urgent: number;
  /** Of the events on their way into Kafka. */
  readonly pendingConversations: number;
  readonly coalesced: number;
  readonly gaps: number;
  readonly requests: number;
  /** By outcome. */
  readonly reconciled: Readonly<Record<string, number>>;
  readonly rssBytes: number;
}

const REPORT_EVERY_MS = 200;

/** Everything that takes time takes so many times less. */
function scaled<T extends object>(timings: T, acceleration: number): T {
  const entries = Object.entries(timings) as [string, number][];
  return Object.fromEntries(
    entries.map(([name, value]) => [name, name.endsWith('Ms') ? Math.max(1, value / acceleration) : value]),
  ) as T;
}

/** A bridge whose timings are accelerated like the organisation's: `queuefold bridge` has no setting for that. */
async function main(): Promise<void> {
  const acceleration = Number(process.argv[2]);
  const reconciliation = JSON.parse(process.argv[3] ?? '{}') as SoakTimings;
  const config = loadConfig({ env: process.env });
  const metrics = createMetrics();
  const { logger } = createLogging({
    ...{ level: 'info', format: 'json', secrets: [] },
    write: (line) => void process.stderr.write(line),
  });
  const { log, schemas, topics } = connectKafka(config, logger, metrics);
  const { clientId = '', clientSecret, loginUrl = '', apiUrl = '' } = config.genesys;
  const bridge = await startBridgeRole({
    ...{ config, logger, metrics, log, schemas, topics },
    genesys: {
      credentials: { clientId, clientSecret: clientSecret?.reveal() ?? '' },
      urls: { loginUrl, apiUrl },
    },
    // Half a minute of the organisation's time: a new queue is found while a round recovers.
    timings: scaled({ ...DEFAULT_TIMINGS, queuesEveryMs: 30_000 }, acceleration),
    reconciliation: scaled({ ...SOAK_RECONCILIATION, ...reconciliation }, acceleration),
  });
  const sum = async (counter: { get(): Promise<{ values: { value: number }[] }> }): Promise<number> =>
    (await counter.get()).values.reduce((total, { value }) => total + value, 0);
  const tell = async (): Promise<void> => {
    const waiting = (await metrics.reconciliationPending.get()).values;
    const outcomes = (await metrics.reconciliations.get()).values;
    const report: BridgeReport = {
      ready: (await checkHealth(bridge.ready, REPORT_EVERY_MS)).ok,
      pending: waiting.reduce((all, { value }) => all + value, 0),
      urgent: waiting.reduce((all, { labels, value }) => all + (labels.importance === 'confirm' ? 0 : value), 0),
      pendingConversations: await sum(metrics.pendingConversations),
      coalesced: await sum(metrics.coalesced),
      gaps: await sum(metrics.gaps),
      requests: await sum(metrics.genesysRequests),
      reconciled: Object.fromEntries(outcomes.map(({ labels, value }) => [String(labels.outcome), value])),
      rssBytes: process.memoryUsage.rss(),
    };
    process.send?.(report);
  };
  setInterval(() => void tell(), REPORT_EVERY_MS);
  process.once('disconnect', () => process.exit(1));
  process.once('SIGTERM', () => {
    void bridge
      .stop()
      .then(() => log.close())
      .finally(() => process.exit(0));
  });
}

void main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});

import { setTimeout as sleep } from 'node:timers/promises';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import type { Role } from '../../support/processes/role-process';
import { until } from '../../support/processes/until';
import { doctorSays, firing, healthOf, logged, metric, ready, unready, type Sign, type Watched } from './signs';
import type { DrillStage } from './stage';

/** Something goes wrong, what an operator then sees, and what is seen when it is over. */
export interface Drill<S extends Watched = DrillStage> {
  readonly name: string;
  begin(stage: S): Promise<void>;
  /** All of it is seen while it lasts. */
  readonly signs: readonly Sign[];
  /** Alerts that may fire too, because they tell the same. None of the others may. */
  readonly also?: readonly string[];
  end(stage: S): Promise<void>;
}

const READY_LIMIT_MS = 180_000;
const EXPIRED_SAID = 'its certificate has expired \\(CERT_HAS_EXPIRED: valid until 2024-02-01T00:00:00.000Z\\)';
const none = (): Promise<void> => Promise.resolve();

export const DRILLS: readonly Drill[] = [
  {
    name: 'the broker is away',
    begin: ({ kafka }) => kafka.kill9(),
    signs: [
      unready('bridge', /kafka/),
      unready('fold', /kafka/),
      unready('sink', /kafka/),
      metric('sum(queuefold_bridge_pending_conversations)', (waiting) => waiting > 20),
      firing('QueuefoldWatermarkStale', { stage: 'kafka' }),
    ],
    also: ['QueuefoldRestoreTooLong', 'QueuefoldStageAbsent', 'QueuefoldSinkStalled'],
    end: ({ kafka }) => kafka.restart(),
  },
  {
    name: 'the schema registry is away',
    begin: ({ registry }) => registry.kill9(),
    // What runs has its schemas: nobody needs to be woken.
    signs: [
      ready('bridge', 'fold', 'sink'),
      metric('max(time() - queuefold_low_watermark_timestamp_seconds)', (behind) => behind < 30),
    ],
    end: ({ registry }) => registry.restart(),
  },
  {
    name: 'ClickHouse is away',
    begin: ({ gates }) => gates.clickHouse.shut(),
    signs: [
      ready('bridge', 'fold'),
      unready('sink', /clickhouse: .*(ECONNREFUSED|socket hang up|ECONNRESET)/),
      logged('sink', 'ClickHouse takes no rows: the sink tries again'),
      metric('sum(increase(queuefold_sink_retries_total[10s]))', (retries) => retries > 0),
      firing('QueuefoldSinkStalled'),
      firing('QueuefoldWatermarkStale', { stage: 'store' }),
    ],
    end: ({ gates }) => gates.clickHouse.open(),
  },
  {
    name: 'ClickHouse is slow',
    begin: ({ gates }) => {
      gates.clickHouse.delay(20_000);
      return none();
    },
    signs: [
      ready('bridge', 'fold'),
      unready('sink', /clickhouse: no answer within/),
      metric(
        'rate(queuefold_sink_insert_duration_seconds_sum[20s]) / rate(queuefold_sink_insert_duration_seconds_count[20s])',
        (seconds) => seconds > 10,
      ),
      firing('QueuefoldWatermarkStale', { stage: 'store' }),
    ],
    also: ['QueuefoldSinkStalled'],
    end: ({ gates }) => {
      gates.clickHouse.delay(0);
      return none();
    },
  },
  {
    name: 'ClickHouse’s certificate has expired',
    begin: ({ clickHouseFront, certificates }) => {
      clickHouseFront.show(certificates.expired);
      return none();
    },
    signs: [
      ready('bridge', 'fold'),
      unready('sink', new RegExp(`clickhouse: ${EXPIRED_SAID}`)),
      logged('sink', 'ClickHouse takes no rows: the sink tries again', new RegExp(EXPIRED_SAID)),
      doctorSays('sink', new RegExp(`^failed +clickhouse +.*${EXPIRED_SAID}`, 'm')),
      metric('sum(increase(queuefold_sink_retries_total{reason="CERT_HAS_EXPIRED"}[10s]))', (retries) => retries > 0),
      firing('QueuefoldSinkStalled'),
      firing('QueuefoldWatermarkStale', { stage: 'store' }),
    ],
    end: ({ clickHouseFront, certificates }) => {
      clickHouseFront.show(certificates.valid);
      return none();
    },
  },
  {
    name: 'the bridges are cut off from Genesys',
    begin: ({ gates }) => gates.genesys.shut(),
    signs: [
      unready('bridge', /genesys: degraded/),
      ready('fold', 'sink'),
      logged('bridge', 'the bridge lost a socket of Genesys and opens another'),
      metric('sum(queuefold_bridge_channels{state="open"})', (open) => open === 0),
      firing('QueuefoldChannelDown'),
    ],
    end: ({ gates }) => gates.genesys.open(),
  },
  {
    name: 'poison in the events topic',
    begin: async ({ kafka, env }) => {
      const { kafka: client, close } = await createStockAdmin(kafka.brokers);
      const producer = client.producer();
      await producer.connect();
      const topic = `${env['TOPIC_PREFIX']}.conversation.events.v1`;
      await producer.send({ topic, messages: [{ key: 'poison', value: 'no event', partition: 0 }] });
      await producer.disconnect();
      await close();
    },
    signs: [
      ready('bridge', 'fold', 'sink'),
      metric('sum(queuefold_dead_letters_total{stage="fold"})', (letters) => letters === 1),
      firing('QueuefoldDeadLetters', { stage: 'fold' }),
    ],
    end: none,
  },
  {
    name: 'SIGTERM to everything under load',
    begin: async ({ roles }) => {
      await Promise.all(roles.map((role) => role.stop()));
      for (const role of roles) role.start();
    },
    signs: [ready('bridge', 'fold', 'sink')],
    also: ['QueuefoldWatermarkStale'],
    end: none,
  },
  {
    name: 'a rolling restart of all roles',
    begin: async (stage) => {
      for (const role of stage.roles) await restarted(stage, role);
    },
    signs: [ready('bridge', 'fold', 'sink')],
    end: none,
  },
];

/** As a deployment does: the next one is touched when this one is ready again. */
async function restarted(stage: DrillStage, role: Role): Promise<void> {
  await role.stop();
  role.start();
  await until(`${role.name} to be ready again`, READY_LIMIT_MS, async () => (await healthOf(stage, role)).ready);
  await sleep(1_000);
}

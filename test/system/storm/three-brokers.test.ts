import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createKafkaLog, type Log } from '../../../src/log';
import { type KafkaCluster, startKafkaCluster } from '../../support/kafka/cluster';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { readAll } from '../../support/log/read-all';
import { SUM_TOPOLOGY, CHECKPOINT, createSumTask } from '../../support/log/sum-task';
import { until } from '../../support/processes/until';
import { BOUNDS } from './bounds';
import { type Commit, longestWait, type Wait, waitsOf } from './progress';

/** Two members and a sink on three brokers with min.insync.replicas=2: leaders and coordinators are on each of them. */
/** What a fold logs whose transactions fail. */
const SAYS = 'a transaction has an unknown outcome';
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const START_MS = 300_000;
const LIMIT_MS = 900_000;
const SOON_MS = 90_000;
/** With Kafka's `broker.session.timeout.ms` the controller learns of a killed broker. */
const BROKER_SESSION_MS = 9_000;
/** @see storm.test.ts */
const factor = (): number => 4 * Math.max(1, Math.max(...loadavg()) / availableParallelism());

const said: string[] = [];
const logger = pino({ level: 'warn' }, { write: (line: string) => void said.push(line) });

let cluster: KafkaCluster;
const logs: Log[] = [];

beforeAll(async () => {
  cluster = await startKafkaCluster();
  const { createTopic, close } = await createStockAdmin(cluster.brokers);
  for (const topic of ['in', 'state']) await createTopic(topic, 3, {}, 3);
  await createTopic('changelog', 3, { 'cleanup.policy': 'compact' }, 3);
  await close();
  await cluster.whole();
}, START_MS);
afterAll(async () => {
  await Promise.all(logs.map((log) => log.close()));
  await cluster.dispose();
}, START_MS);

function connect(): Log {
  const log = createKafkaLog({ brokers: cluster.brokers, clientId: `client-${logs.length}`, logger });
  logs.push(log);
  return log;
}

/** How long each record of the input waited for the transaction that holds it, by the writers' times of one machine. */
async function waitsFor(log: Log): Promise<readonly Wait[]> {
  const histories = new Map<number, { readonly appended: Map<number, number>; readonly commits: Commit[] }>();
  for (const { topic, partition, offset, key, value, timestamp } of await readAll(log, 'in', 'changelog')) {
    const history = histories.get(partition) ?? { appended: new Map<number, number>(), commits: [] };
    histories.set(partition, history);
    if (topic === 'in') history.appended.set(offset, timestamp);
    else if (key?.toString() === CHECKPOINT) {
      const { nextOffset } = JSON.parse(String(value)) as { readonly nextOffset: number };
      history.commits.push({ at: timestamp, nextOffset });
    }
  }
  return [...histories].flatMap(([partition, history]) => waitsOf({ partition, ...history }));
}

async function valuesByKey(log: Log, topic: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  for (const { key, value } of await readAll(log, topic)) {
    const name = String(key);
    found.set(name, [...(found.get(name) ?? []), String(value)]);
  }
  return found;
}

/** Counts of sends; each holds a record of every key. */
interface Sends {
  readonly attempted: number;
  /** Kafka has said that it has them. */
  readonly acknowledged: number;
}

/** Sends records until told to end. It does not repeat a send that failed. */
function feed(log: Log): { end(): Promise<Sends> } {
  let isFeeding = true;
  let attempted = 0;
  let acknowledged = 0;
  const isOn = (): boolean => isFeeding;
  const feeding = (async () => {
    while (isOn()) {
      const producer = await log.createProducer().catch(() => null);
      while (isOn() && producer !== null) {
        attempted += 1;
        const sent = await producer.send(KEYS.map((key) => ({ topic: 'in', key, value: Buffer.from('1') }))).then(
          () => true,
          () => false,
        );
        if (!sent) break;
        acknowledged += 1;
        await sleep(20);
      }
      await producer?.close();
      await sleep(100);
    }
  })();
  return {
    end: async () => {
      isFeeding = false;
      await feeding;
      return { attempted, acknowledged };
    },
  };
}

test(
  'leaders and coordinators move, one broker is away, then two: folds and sinks continue, wait, and continue, exactly once',
  async () => {
    const [first, second] = [connect(), connect()];
    const members = [
      await first.runTasks(SUM_TOPOLOGY, () => createSumTask({ stateTopic: 'state' })),
      await second.runTasks(SUM_TOPOLOGY, () => createSumTask({ stateTopic: 'state' })),
    ];
    let stored = 0;
    const subscription = await second.subscribe({
      group: 'sink',
      topic: 'state',
      onAssigned: () => Promise.resolve(new Map()),
      onRevoked: () => undefined,
      onRecords: (_, records) => void (stored += records.length),
    });
    const fed = feed(connect());
    const moves = async (what: string): Promise<void> => {
      const before = stored;
      await until(`records through the fold, ${what}`, SOON_MS, () => stored >= before + 40 * KEYS.length);
    };
    const faults: { readonly what: string; readonly from: number; readonly to: number; readonly boundMs: number }[] =
      [];
    const during = async (what: string, boundMs: number, act: () => Promise<void>): Promise<void> => {
      const from = Date.now();
      await act();
      await moves(what);
      faults.push({ what, from, to: Date.now(), boundMs });
    };
    await moves('with three brokers');
    for (const node of cluster.nodes) {
      await during(`without broker ${node.id}, which left in order`, BOUNDS.backMs, () => node.stop());
      await during(`with broker ${node.id} again`, BOUNDS.backMs, async () => {
        await node.start();
        await cluster.whole();
      });
      await during(`without broker ${node.id}, which was killed`, BROKER_SESSION_MS + BOUNDS.backMs, () =>
        node.kill9(),
      );
      await node.start();
      await cluster.whole();
      await moves('with three brokers again');
    }
    const [, two, three] = cluster.nodes;
    said.length = 0;
    await Promise.all([two?.kill9(), three?.kill9()]);
    // What was under way ends, one way or the other; then nothing goes on.
    let standing = -1;
    await until('the fold to stand', SOON_MS, async () => {
      standing = stored;
      await sleep(5_000);
      return stored === standing;
    });
    await until('the fold to say so', SOON_MS, () => said.some((line) => line.includes(SAYS)));
    await sleep(5_000);
    expect(stored).toBe(standing);
    await Promise.all([two?.start(), three?.start()]);
    await cluster.whole();
    await moves('with three brokers again');
    const { attempted, acknowledged } = await fed.end();

    const log = connect();
    const events = await valuesByKey(log, 'in');
    // What a producer was told is there is there, and nothing is there twice.
    for (const key of KEYS) {
      expect(events.get(key)?.length).toBeGreaterThanOrEqual(acknowledged);
      expect(events.get(key)?.length).toBeLessThanOrEqual(attempted);
    }
    const count = [...events.values()].flat().length;
    const folded = async (): Promise<number> => [...(await valuesByKey(log, 'state')).values()].flat().length;
    await until('everything to be folded', SOON_MS, async () => (await folded()) >= count).catch(
      async (error: unknown) => {
        const states = members.flatMap((member) => member.status().map((one) => JSON.stringify(one)));
        const found = await valuesByKey(log, 'state');
        const keys = KEYS.map((key) => {
          const [all, have] = [events.get(key)?.length ?? 0, found.get(key) ?? []];
          const missing = Array.from({ length: all }, (_, index) => String(index + 1)).filter((n) => !have.includes(n));
          return `${key}: ${have.length} of ${all}, last ${have.at(-1) ?? ''}, missing ${missing.slice(0, 5).join()}`;
        });
        const ends: string[] = [];
        for (const topic of ['in', 'state', 'changelog']) {
          const [committed, written] = [await log.endOffsets(topic), await log.writtenOffsets(topic)];
          ends.push(`${topic}: ${JSON.stringify([...committed])} written ${JSON.stringify([...written])}`);
        }
        throw new Error([`${await folded()} of ${count}`, ...states, ...keys, ...ends, ...said.slice(-5)].join('\n'), {
          cause: error,
        });
      },
    );
    const state = await valuesByKey(log, 'state');
    // One record for each event, each adding 1: nothing is missing, nothing is there twice, and the order is kept.
    for (const key of KEYS) {
      const expected = (events.get(key) ?? []).map((_, index) => String(index + 1));
      expect(state.get(key)).toEqual(expected);
    }
    const waits = await waitsFor(log);
    const pauses = faults.map(({ what, from, to, boundMs }) => {
      const within = waits.map((wait) => ({ ...wait, from: Math.max(wait.from, from), to: Math.min(wait.to, to) }));
      const longest = longestWait(within, from, to);
      return { what, ms: Math.round(longest.to - longest.from), boundMs };
    });
    const allowed = factor();
    expect({ pauses, tooLong: pauses.filter(({ ms, boundMs }) => ms > boundMs * allowed) }).toMatchObject({
      tooLong: [],
    });
    if (process.env['TEST_LOG_LEVEL'] !== undefined) process.stderr.write(`${JSON.stringify(pauses)}\n`);
    for (const member of members) await member.stop();
    await subscription.stop();
  },
  LIMIT_MS,
);

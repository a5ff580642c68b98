import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { measureBridge } from './bridge';
import { startCluster, type BenchCluster } from './cluster';
import { measureConsume } from './consume';
import { measureFold } from './fold';
import { measureLatency } from './latency';
import { loadEvents } from './load';
import { formatResult, type BenchResult } from './report';
import { measureRestore } from './restore';
import { measureSink } from './sink';
import { measureStore } from './store';

const LATENCY_EVENTS = 35_000;

const { values: flags } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    live: { type: 'string', default: '2000' },
    restore: { type: 'string', default: '100000' },
    /** Ended conversations for the clean-up. */
    ended: { type: 'string', default: '1000000' },
    /** Conversations in the history that is asked for a moment. */
    history: { type: 'string', default: '1000000' },
    /** The store's figures alone. */
    store: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    /** A folder for CPU profiles of the bridge, the fold and the sink. */
    profile: { type: 'string' },
  },
});

const storeSizes = { ended: Number(flags.ended), conversations: Number(flags.history) };

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function measure(cluster: BenchCluster): Promise<BenchResult> {
  const before = loadavg()[0] ?? 0;
  const profile = flags.profile ?? null;
  const one = await cluster.createTopics('one');
  const two = await cluster.createTopics('two', one.events);
  const late = await cluster.createTopics('late');
  const restored = await cluster.createTopics('restored');
  const bridged = await cluster.createTopics('bridged');
  const stored = await cluster.createTopics('stored');
  const step = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const result = await run();
    say(`${name}: ${JSON.stringify(result)}`);
    return result;
  };
  const bridge = await step('bridge', () => measureBridge(cluster, bridged, profile));
  say(`events: ${flags.events} are generated and written`);
  const events = Number(flags.events);
  const loaded = await loadEvents(cluster, one, {
    events,
    live: Number(flags.live),
    keep: Math.min(events, LATENCY_EVENTS),
    onProgress: (written) => {
      if (written % 20_000 === 0) say(`  ${written}`);
    },
  });
  const { meanJsonBytes, meanAvroBytes, live } = loaded;
  return {
    input: { events: loaded.events, live, meanJsonBytes, meanAvroBytes },
    bridge,
    consumePerSecond: await step('raw consume', () => measureConsume(cluster, one, events, 'raw')),
    decodePerSecond: await step('consume + decode', () => measureConsume(cluster, one, events, 'decode')),
    foldOne: await step('fold, one process', () => measureFold(cluster, one, 1, profile)),
    foldTwo: await step('fold, two processes', () => measureFold(cluster, two, 2, profile)),
    latency: await step('latency', () => measureLatency(cluster, late, loaded.first)),
    restore: await step('restore', () => measureRestore(cluster, restored, loaded.states, Number(flags.restore))),
    sink: await step('sink', () => measureSink(cluster, one, profile)),
    store: await step('store', () => measureStore(cluster, stored, storeSizes)),
    load: { before, after: loadavg()[0] ?? 0 },
  };
}

async function main(): Promise<void> {
  say('Kafka starts');
  const cluster = await startCluster();
  const interrupted = (): void => {
    void cluster.stop().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    if (flags.store) {
      const topics = await cluster.createTopics('stored');
      process.stdout.write(`${JSON.stringify(await measureStore(cluster, topics, storeSizes), null, 2)}\n`);
      return;
    }
    const result = await measure(cluster);
    process.stdout.write(`${flags.json ? JSON.stringify(result, null, 2) : formatResult(result)}\n`);
  } finally {
    await cluster.stop();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);

import { openEmbeddedClickHouse } from '../../src/embedded';
import { createKafkaLog, createLocalSchemas, type TopicNames } from '../../src/log';
import { rowReader } from '../../src/sink/topic-sink';
import { connectStore, identifier, migrate, type Store } from '../../src/store';
import { heard, peakMemory, report } from './child';
import { connectionTo } from './cluster';
import { measureRawInsert, readRows } from './raw-insert';
import { readOffsets, runSink } from './sink-round';
import type { Throughput } from './throughput';

export interface SinkProcessArgs {
  readonly brokers: readonly string[];
  readonly topics: TopicNames;
  /** The place of ClickHouse: a folder for one in this process, or a server. */
  readonly store: { readonly folder: string } | { readonly url: string };
  /** The sink, or the official client alone with the same rows. */
  readonly what: 'sink' | 'raw';
}

export interface SinkReports {
  readonly ready: object;
  readonly round: Round;
}

export interface Round extends Throughput {
  readonly rows: number;
  /** 0 for `raw`. */
  readonly tombstonesFirstSeconds: number;
  /** This process's memory, with the engine if that is in it. */
  readonly peakBytes: number;
}

/** Full batches on both sides, also if a busy machine reads slowly: small ones cost ClickHouse more for each row. */
const FLUSH = { rows: 10_000, bytes: 8 * 1024 * 1024, ms: 5_000 };

/** On each "go" it runs a round: the state topic into tables of its own. */
async function main({ brokers, topics, store: place, what }: SinkProcessArgs): Promise<void> {
  const ending = heard('end');
  const connection = connectionTo(brokers);
  const log = createKafkaLog(connection);
  const engine = 'folder' in place ? await openEmbeddedClickHouse({ dataDir: place.folder }) : null;
  const reader = await rowReader({ schemas: createLocalSchemas(), topics });
  const offsets = what === 'sink' ? await readOffsets(log, topics.state) : new Map<number, readonly number[]>();
  const rows = what === 'raw' ? await readRows(log, topics.state, reader.decode) : [];

  const runRound = async (store: Store, group: string): Promise<Omit<Round, 'peakBytes'>> =>
    what === 'raw'
      ? { rows: rows.length, tombstonesFirstSeconds: 0, ...(await measureRawInsert(store, rows, FLUSH.rows)) }
      : runSink({ store, log, topics, offsets, group, reader, flush: FLUSH, logger: connection.logger });

  const runRounds = async (): Promise<void> => {
    for (let number = 0; ; number += 1) {
      const going = heard('go');
      if (number === 0) report('ready', {});
      await going;
      const database = `bench_${number}`;
      const store = connectStore(
        engine === null
          ? { url: 'url' in place ? place.url : '', username: 'default', password: '', database }
          : { connection: engine.connection(), database, where: engine.path },
      );
      await migrate(store.client, { database, dryRun: false });
      const round = await runRound(store, `${topics.sinkGroup}-bench-${number}`);
      const peakBytes = peakMemory();
      await store.client.command({ query: `DROP DATABASE ${identifier(database)}` });
      await store.close();
      report('round', { ...round, peakBytes });
    }
  };
  await Promise.race([runRounds(), ending]);
  await log.close();
  await engine?.close();
  process.exit(0);
}

void main(JSON.parse(process.argv[2] ?? '{}') as SinkProcessArgs);

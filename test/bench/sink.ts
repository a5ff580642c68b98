import { join } from 'node:path';
import type { TopicNames } from '../../src/log';
import { startChild, type Child } from './child';
import type { BenchCluster } from './cluster';
import type { EngineProcessArgs, EngineReports } from './engine-process';
import type { Round, SinkProcessArgs, SinkReports } from './sink-process';
import { medianOf } from './throughput';

/** Medians of the rounds. */
export interface SinkFigures {
  readonly rows: number;
  /** From the first tombstone read, without the forming of the group. */
  readonly rowsPerSecond: number;
  readonly tombstonesFirstSeconds: number;
  /** For the sink's process, with the engine in it, for each row. */
  readonly cpuMicroseconds: number;
  /** The official client alone, with the same rows. */
  readonly rawRowsPerSecond: number;
  readonly rawCpuMicroseconds: number;
  readonly peakBytes: number;
  /** For a sink whose ClickHouse is elsewhere. */
  readonly ownPeakBytes: number;
}

type Work = SinkProcessArgs['what'];

/**
 * In turns, so that a machine that slows down slows both. The first round of each does not count, because code is
 * compiled in it.
 */
const ROUNDS = 5;

/**
 * Writes the state topic that a fold left behind into the embedded ClickHouse; the same rows without Kafka; and so on.
 */
export async function measureSink(
  { brokers, folder }: BenchCluster,
  topics: TopicNames,
  profile: string | null,
): Promise<SinkFigures> {
  const start = (what: Work, store: SinkProcessArgs['store']) => {
    const args: SinkProcessArgs = { brokers, topics, store, what };
    return startChild<SinkReports>(join(__dirname, 'sink-process.js'), args, what === 'sink' ? profile : null);
  };
  const children = {
    sink: start('sink', { folder: join(folder, 'sink') }),
    raw: start('raw', { folder: join(folder, 'raw') }),
  };
  const rounds: Record<Work, Round[]> = { sink: [], raw: [] };
  try {
    await Promise.all([children.sink.next('ready'), children.raw.next('ready')]);
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const what of ['sink', 'raw'] as const) {
        const done = children[what].next('round');
        children[what].tell('go');
        rounds[what].push(await done);
      }
    }
  } finally {
    await Promise.all([children.sink.end(), children.raw.end()]);
  }
  const median = (what: Work, of: (round: Round) => number): number => medianOf(rounds[what].slice(1).map(of));
  return {
    rows: rounds.sink[0]?.rows ?? 0,
    rowsPerSecond: median('sink', ({ perSecond }) => perSecond),
    tombstonesFirstSeconds: median('sink', ({ tombstonesFirstSeconds }) => tombstonesFirstSeconds),
    cpuMicroseconds: median('sink', ({ cpuMicroseconds }) => cpuMicroseconds),
    rawRowsPerSecond: median('raw', ({ perSecond }) => perSecond),
    rawCpuMicroseconds: median('raw', ({ cpuMicroseconds }) => cpuMicroseconds),
    peakBytes: median('sink', ({ peakBytes }) => peakBytes),
    ownPeakBytes: await measureOwnPeak({ folder: join(folder, 'engine') }, (url) => start('sink', { url })),
  };
}

async function measureOwnPeak(
  args: EngineProcessArgs,
  startSink: (url: string) => Child<SinkReports>,
): Promise<number> {
  const engine = startChild<EngineReports>(join(__dirname, 'engine-process.js'), args, null);
  try {
    const { url } = await engine.next('ready');
    const sink = startSink(url);
    try {
      await sink.next('ready');
      const done = sink.next('round');
      sink.tell('go');
      return (await done).peakBytes;
    } finally {
      await sink.end();
    }
  } finally {
    await engine.end();
  }
}

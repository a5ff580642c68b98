import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../../support/processes/random';
import { AWAY_MS, brokerFaults, setClientStage } from './client-stage';

export interface ClientSoakOptions {
  readonly seed: number;
  /** Rounds go on for so long; each fault comes at least once. */
  readonly minutes: number;
  readonly say: (text: string) => void;
}

export interface ClientSoakResult {
  readonly rounds: Readonly<Record<Fault, number>>;
  readonly records: number;
  /** Abandoned: those that the coordinator did not end for a minute. */
  readonly transactions: { readonly committed: number; readonly aborted: number; readonly abandoned: number };
  /** Partitions that another broker led after a fault than before it. */
  readonly leaderMoves: number;
  /** By the compaction of the brokers. */
  readonly recordsCompactedAway: number;
  readonly resets: number;
  readonly skippedRecords: number;
  readonly changes: { readonly fast: number; readonly slow: number };
  /** Where a picture differed from the topic when it was quiet, or went back; none. */
  readonly differences: readonly string[];
}

/**
 * `kill` and `restart` concern one broker, which leads partitions; `blackout` kills all three. `move` gives the partitions
 * to other brokers while all of them run.
 */
const FAULTS = ['none', 'kill', 'move', 'restart', 'remake', 'garbage', 'blackout'] as const;
type Fault = (typeof FAULTS)[number];

const ROUND_MS = 4_000;

/**
 * A writer, as the fold is one, and three brokers to which everything happens; beside them a table of the client, with a reader of
 * its changes that is fast and one that is slow. After each fault comes a quiet moment, at which all three have to be what
 * the topic says.
 */
export async function runClientSoak(options: ClientSoakOptions): Promise<ClientSoakResult> {
  const { say, minutes } = options;
  const random = createRandom(options.seed);
  const stage = await setClientStage();
  const { table, writer, fast, slow } = stage;
  const rounds: Record<Fault, number> = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>;
  const differences: string[] = [];
  let [skippable, leaderMoves, remaining] = [0, 0, 0];

  const faults: Readonly<Record<Fault, () => Promise<void>>> = {
    none: () => sleep(ROUND_MS),
    ...brokerFaults(stage, random.below),
    remake: async () => {
      await sleep(AWAY_MS);
      await writer.pause();
      remaining += await stage.remaining();
      await stage.remake();
      writer.resume();
      await sleep(AWAY_MS);
    },
    garbage: async () => {
      skippable += 1;
      await writer.garbage();
      await sleep(AWAY_MS);
    },
  };

  try {
    const end = Date.now() + minutes * 60_000;
    for (let round = 0; round < FAULTS.length || Date.now() < end; round += 1) {
      const fault = FAULTS[round < FAULTS.length ? round : random.below(FAULTS.length)] ?? 'none';
      rounds[fault] += 1;
      const before = await stage.leaders();
      writer.resume();
      await faults[fault]();
      await writer.pause();
      const after = await stage.leaders();
      if (fault !== 'remake') leaderMoves += [...after].filter(([n, leader]) => before.get(n) !== leader).length;
      const found = await stage.compare();
      differences.push(...found.map((difference) => `round ${round} (${fault}): ${difference}`));
      say(`round ${round}, ${fault}: ${table.size} rows, ${leaderMoves} leader moves, ${found.length} differences`);
      for (const difference of found) say(`  ${difference}`);
    }
    const skipped = table.freshness().skippedRecords;
    if (skipped < skippable) differences.push(`${skippable} records of garbage, ${skipped} skipped`);
    return {
      rounds,
      records: writer.records(),
      transactions: writer.transactions(),
      leaderMoves,
      recordsCompactedAway: writer.committedRecords() - remaining - (await stage.remaining()),
      resets: fast.resets(),
      skippedRecords: skipped,
      changes: { fast: fast.count(), slow: slow.count() },
      differences: [...differences, ...fast.wrong, ...slow.wrong],
    };
  } finally {
    await stage.dispose();
  }
}

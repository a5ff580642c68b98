import { createRandom } from '../../support/processes/random';
import { type BatchSize, type Fed, InputBatches } from './input-batch';
import { createCorpus } from './input-corpus';
import { openInputPipeline } from './input-pipeline';
import { createMemoryWatch, type MemorySample } from './memory';

export interface InputFuzz {
  /** Lines and records. */
  readonly count: number;
  readonly seed: number;
  /** Word of what has been done, and of memory, now and then. */
  readonly say?: (text: string) => void;
}

export interface InputReport extends Fed {
  /** The greatest after a batch, with nothing under way. */
  readonly memory: MemorySample;
}

const SMALL_BATCH: BatchSize = { lines: 600, records: 390, stateRecords: 10 };
const LARGE_BATCH: BatchSize = { lines: 15_000, records: 14_980, stateRecords: 20 };
/** From so many inputs on the batches are large: what stands between two of them takes as long as a small one. */
const MANY = 100_000;
const MIB = 1024 * 1024;
/** A batch of inputs, the states of the corpus, and the engine with its caches. */
const MOST_MEMORY: MemorySample = { heap: 600 * MIB, buffers: 600 * MIB, resident: 3_072 * MIB };
const NOISE: MemorySample = { heap: 8 * MIB, buffers: 32 * MIB, resident: 96 * MIB };
/** Markers are forgotten after 2 hours: a batch is a day. */
const DAY_MS = 24 * 3_600_000;
const START = Date.UTC(2026, 0, 1);
/** Receive times stay below 2300, however many batches there are. */
const DAYS = 90_000;
const SAY_BATCHES = 10;

/**
 * Generated and mutated lines and records through intake, fold and sink, on a log in memory and a real ClickHouse. Whatever
 * comes, nothing crashes, memory stays bounded, what is invalid is dead-lettered and a good conversation passes behind it.
 * @throws Error that names the seed, the batch and what was wrong with what became of it
 */
export async function runInputFuzz({ count, seed, say }: InputFuzz): Promise<InputReport> {
  const pipeline = await openInputPipeline();
  try {
    const batches = await InputBatches.over(pipeline, count < MANY ? SMALL_BATCH : LARGE_BATCH);
    const memory = createMemoryWatch({ most: MOST_MEMORY, noise: NOISE });
    const report = (): InputReport => ({ ...batches.fed(), memory: memory.greatest() });
    const random = createRandom(seed);
    const corpus = createCorpus(seed);
    const startedAt = performance.now();
    for (let batch = 0; batches.fed().inputs < count; batch++) {
      try {
        await batches.feed(random, corpus, START + (batch % DAYS) * DAY_MS);
        const now = memory.sample();
        if (batch % SAY_BATCHES === 0) say?.(progress(seed, batches.fed(), now, performance.now() - startedAt));
      } catch (error) {
        throw new Error(`input fuzz: seed ${seed}, batch ${batch}: ${String(error)}`, { cause: error });
      }
    }
    checkShares(batches.fed());
    return report();
  } finally {
    await pipeline.close();
  }
}

/** Of lines that are all refused, or all taken, much less is learned: then the corpus of the seed is to blame. */
function checkShares({ lines }: Fed): void {
  const all = Object.values(lines).reduce((sum, count) => sum + count, 0);
  for (const kind of ['event', 'invalid'] as const) {
    if (lines[kind] < all / 10) throw new Error(`input fuzz: ${lines[kind]} of ${all} lines are of kind ${kind}`);
  }
}

function progress(
  seed: number,
  { inputs, deadLetters }: Fed,
  { heap, buffers, resident }: MemorySample,
  tookMs: number,
): string {
  const perSecond = Math.round((inputs / tookMs) * 1_000);
  const { user, system } = process.cpuUsage();
  const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;
  const memory = `heap ${mib(heap)}, buffers ${mib(buffers)}, resident ${mib(resident)}`;
  return `seed ${seed}: ${inputs} inputs (${perSecond}/s, ${Math.round((user + system) / 1e6)} s of CPU), ${deadLetters} dead letters; ${memory}`;
}

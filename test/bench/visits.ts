import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type ConversationEvent,
  createPartitionFold,
  DEFAULT_FOLD_SETTINGS,
  type FoldSettings,
} from '../../src/conversation';
import { createFoldTask, type FoldTaskOptions } from '../../src/fold/task';
import {
  createChangelogCodec,
  createEventCodec,
  createEventReader,
  createLocalSchemas,
  createRowCodec,
  createVisitCodec,
  type LogRecord,
  topicNames,
} from '../../src/log';
import { createMetrics } from '../../src/ops';
import { headersOf, benchEvents, type EventsOptions } from './events';
import { medianOf } from './throughput';

/** Enough rounds that garbage collection affects both alike. */
const ROUNDS = 31;
/** As many records as a transaction of the fold takes. */
const BATCH = 500;

export interface VisitCost {
  readonly events: number;
  /** Versions of visits that these events write. */
  readonly visits: number;
  /**
   * For an event that is only folded, microseconds of CPU, with visits and without; and the median of the rounds'
   * ratios.
   */
  readonly apply: Paired;
  /** … with reading the event and making all its records. */
  readonly task: Paired;
}

export interface Paired {
  readonly withMicroseconds: number;
  readonly withoutMicroseconds: number;
  readonly ratio: number;
}

/** The cost of visits for the fold, without Kafka: the same events with and without them, in turns. */
export async function measureVisitCost(options: EventsOptions): Promise<VisitCost> {
  const events = [...benchEvents(options)].map(({ event }) => event);
  const topics = topicNames('bench');
  const schemas = createLocalSchemas();
  const codec = await createEventCodec(schemas, topics);
  const records = events.map((event, offset): LogRecord => {
    const key = Buffer.from(event.conversationId);
    const headers = headersOf(event);
    return { topic: topics.events, partition: 0, offset, key, value: codec.encode(event), timestamp: 0, headers };
  });
  const visits = await createVisitCodec(schemas, topics);
  const taskOptions = {
    schemas,
    topics,
    events: await createEventReader(schemas, topics),
    rows: await createRowCodec(schemas, topics),
    changelog: await createChangelogCodec(schemas, topics),
    deadLetterLimits: { maxConsecutive: 100, maxRatio: 0.5 },
    metrics: createMetrics(),
  };
  const task = (setting: FoldSettings['visits']): number =>
    runTask(records, {
      ...taskOptions,
      settings: { ...DEFAULT_FOLD_SETTINGS, visits: setting },
      visits: setting === 'on' ? visits : null,
    });
  return {
    events: events.length,
    visits: countVisits(events),
    apply: inTurns(events.length, (setting) => runApply(events, setting)),
    task: inTurns(events.length, task),
  };
}

function inTurns(events: number, run: (setting: FoldSettings['visits']) => number): Paired {
  // Once for the compiler.
  run('on');
  run('off');
  const rounds = Array.from({ length: ROUNDS }, (_, round) => {
    const first = round % 2 === 0 ? 'on' : 'off';
    const one = run(first);
    const other = run(first === 'on' ? 'off' : 'on');
    return first === 'on' ? { on: one, off: other } : { on: other, off: one };
  });
  return {
    withMicroseconds: medianOf(rounds.map(({ on }) => on)) / events,
    withoutMicroseconds: medianOf(rounds.map(({ off }) => off)) / events,
    ratio: medianOf(rounds.map(({ on, off }) => on / off)),
  };
}

function runApply(events: readonly ConversationEvent[], visits: FoldSettings['visits']): number {
  const fold = createPartitionFold({ ...DEFAULT_FOLD_SETTINGS, visits });
  return cpuOf(() => {
    for (const [index, event] of events.entries()) {
      fold.apply(event);
      if (index % BATCH === 0) fold.takeChanges();
    }
  });
}

function runTask(records: readonly LogRecord[], options: FoldTaskOptions): number {
  const task = createFoldTask(0, options);
  return cpuOf(() => {
    for (let from = 0; from < records.length; from += BATCH) {
      const batch = records.slice(from, from + BATCH);
      task.process(batch, from + batch.length);
      task.committed();
    }
  });
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Microseconds, of all threads. It first collects the garbage of the run before, so that each run pays for its own. */
function cpuOf(work: () => void): number {
  collectGarbage();
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function countVisits(events: readonly ConversationEvent[]): number {
  const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  return events.reduce((sum, event) => sum + fold.apply(event).visits.length, 0);
}

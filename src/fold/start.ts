import type { DeadLetterLimits } from '../common';
import { DEFAULT_FOLD_SETTINGS, type FoldChoices, type FoldSettings } from '../conversation';
import {
  createChangelogCodec,
  createEventReader,
  createRowCodec,
  createVisitCodec,
  type Log,
  type RunningTasks,
  type SchemaSource,
  type Task,
  type TopicNames,
  type Topology,
  visitKey,
} from '../log';
import type { Logger, Metrics, Tracing } from '../ops';
import { processId } from './process-id';
import { fitsInto, largestRecordOf } from './record-limit';
import { createFoldTask } from './task';
import { keepObjectsYoung } from './young-objects';

/**
 * The bridge checks receive times before Kafka, but another writer may send any. A receive time in the future would
 * make a partition forget the ends of all its conversations (docs/design.md, choice 18).
 */
const MOST_AHEAD_MS = 5 * 60_000;

export interface FoldOptions {
  readonly log: Log;
  readonly schemas: SchemaSource;
  readonly topics: TopicNames;
  readonly settings: FoldChoices;
  readonly deadLetterLimits: DeadLetterLimits;
  readonly metrics: Metrics;
  readonly tracing?: Tracing | undefined;
  readonly logger?: Logger;
  /** False in a replay, because its clock follows its events. */
  readonly timers: boolean;
  /** Whether it keeps standby copies of partitions that other processes own. Default: off. */
  readonly standby?: 'on' | 'off';
}

/** Runs the fold as one member of its group. */
export async function startFold(options: FoldOptions): Promise<RunningTasks> {
  const { topology, createTask } = await prepareFold(options);
  return options.log.runTasks(topology, createTask);
}

/** After a loss that the fold refuses. @see Log.adopt */
export async function adoptFold(options: FoldOptions): Promise<readonly string[]> {
  const { topology, createTask } = await prepareFold(options);
  return options.log.adopt(topology, createTask);
}

async function prepareFold(options: FoldOptions) {
  keepObjectsYoung();
  const { log, schemas, topics, timers } = options;
  const writesVisits = options.settings.visits === 'on';
  const [events, rows, visits, changelog] = await Promise.all([
    createEventReader(schemas, topics),
    createRowCodec(schemas, topics),
    writesVisits ? createVisitCodec(schemas, topics) : null,
    createChangelogCodec(schemas, topics),
  ]);
  const topology: Topology = {
    group: topics.foldGroup,
    input: topics.events,
    changelog: topics.changelog,
    outputs: [topics.state, ...(writesVisits ? [topics.visits] : []), topics.deadLetters],
    tables: [topics.state],
    expiring: writesVisits ? [topics.visits] : [],
    timers,
    standbyIn: options.standby === 'on' ? processId() : undefined,
  };
  const rowFits = fitsInto(rows, await largestRecordOf(log, topics.state, options.logger));
  const visitFits = visits && fitsInto(visits, await largestRecordOf(log, topics.visits, options.logger));
  const settings: FoldSettings = {
    ...DEFAULT_FOLD_SETTINGS,
    ...options.settings,
    sizeOf: (state) => changelog.sizeOf({ state, checkpoint: null }),
    fits: (record) => {
      if ('visit' in record) return visitFits === null || visitFits(visitKey(record.visit), record.visit);
      return record.row === null || rowFits(record.conversationId, record.row);
    },
  };
  const createTask = (partition: number): Task =>
    createFoldTask(partition, {
      schemas,
      topics,
      events,
      rows,
      visits,
      changelog,
      settings,
      deadLetterLimits: options.deadLetterLimits,
      mostAheadMs: timers ? MOST_AHEAD_MS : Infinity,
      metrics: options.metrics,
      tracing: options.tracing,
    });
  return { topology, createTask };
}

import { createLowWatermarks, messageOf } from '../common';
import type { Log, RunningTasks } from '../log';
import type { Logger, Metrics } from '../ops';

export interface TaskWatchOptions {
  readonly log: Pick<Log, 'endOffsets'>;
  readonly tasks: Pick<RunningTasks, 'status'>;
  readonly group: string;
  /** The tasks' input topic. */
  readonly topic: string;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Default 5,000. */
  readonly everyMs?: number;
}

export interface TaskWatch {
  /** Looks once, at once; the other looks follow at an interval. */
  look(): Promise<void>;
  stop(): void;
}

/**
 * Measures how far tasks have come: lag and low watermark of each partition. It looks from outside of the tasks, so it
 * sees a task that hangs, and sees that an idle one is well.
 */
export function watchTasks(options: TaskWatchOptions): TaskWatch {
  const { log, tasks, group, topic, metrics, logger, everyMs = 5_000 } = options;
  const watermarks = createLowWatermarks();
  const watched = new Set<number>();
  let looking: Promise<void> | null = null;

  const forget = (partition: number): void => {
    watched.delete(partition);
    watermarks.forget(partition);
    metrics.consumerLag.remove({ group, topic, partition });
    metrics.lowWatermark.remove({ stage: 'state', partition });
  };

  const look = async (): Promise<void> => {
    const at = Date.now();
    let ends: ReadonlyMap<number, number>;
    try {
      ends = await log.endOffsets(topic);
    } catch (error) {
      // The watermark stands still: nobody knows whether more records exist.
      logger.debug({ error: messageOf(error) }, 'the fold cannot ask for the end offsets of its topic');
      ends = new Map();
    }
    const running = tasks
      .status()
      .flatMap(({ partition, state, nextOffset }) =>
        state === 'RUNNING' && nextOffset !== null ? [{ partition, nextOffset }] : [],
      );
    for (const partition of watched) if (!running.some((one) => one.partition === partition)) forget(partition);
    for (const { partition, nextOffset } of running) {
      if (!watched.has(partition)) watermarks.begin(partition, { watermark: at, storedTo: nextOffset });
      watched.add(partition);
      watermarks.stored(partition, nextOffset);
    }
    watermarks.sample(ends, at);
    for (const { partition, nextOffset } of running) {
      const end = ends.get(partition);
      if (end !== undefined) metrics.consumerLag.set({ group, topic, partition }, Math.max(0, end - nextOffset));
      metrics.lowWatermark.set({ stage: 'state', partition }, (watermarks.of(partition) ?? at) / 1000);
    }
  };

  const once = (): Promise<void> => (looking ??= look().finally(() => (looking = null)));
  const timer = setInterval(() => void once(), everyMs).unref();
  return {
    look: once,
    stop: () => {
      clearInterval(timer);
      for (const partition of [...watched]) forget(partition);
    },
  };
}

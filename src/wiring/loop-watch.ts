import { messageOf } from '../common';
import type { Log } from '../log';
import type { CheckResult, Logger } from '../ops';

export interface LoopWatchOptions {
  readonly log: Pick<Log, 'endOffsets'>;
  /** The topic that the loop reads. */
  readonly topic: string;
  /** @see RunningTasks.turns */
  readonly turns: () => number | null;
  readonly logger: Logger;
  /** Default 10,000. */
  readonly everyMs?: number;
}

export interface LoopWatch {
  /** Not ok: the loop hangs, and only a restart helps. */
  live(): CheckResult;
  /** Looks once. Other looks follow by themselves. */
  look(): Promise<void>;
  stop(): void;
}

/** Within two minutes every wait of a consumer ends, also that of a rebalance or a time-out. */
const HUNG_AFTER_LOOKS = 12;

/**
 * Watches whether the loop that reads a topic still makes progress. It counts looks in a row at which the log answered
 * us while the loop did nothing. It concludes nothing while the log is away, because a restart would not bring the log
 * back. It also concludes nothing from the time for which this process or its machine stood still.
 */
export function watchLoop({ log, topic, turns, logger, everyMs = 10_000 }: LoopWatchOptions): LoopWatch {
  let seen = turns();
  let idleLooks = 0;
  let looking: Promise<void> | null = null;

  const isHung = (): boolean => idleLooks >= HUNG_AFTER_LOOKS;

  const look = async (): Promise<void> => {
    try {
      await log.endOffsets(topic);
    } catch (error) {
      logger.debug(
        { error: messageOf(error) },
        'Kafka does not answer, so it is unknown whether the loop that reads it hangs',
      );
      idleLooks = 0;
      return;
    }
    const now = turns();
    idleLooks = now !== null && now === seen ? idleLooks + 1 : 0;
    seen = now;
    if (idleLooks === HUNG_AFTER_LOOKS)
      logger.error({ topic, looks: idleLooks }, 'the loop that reads the topic hangs');
  };

  const once = (): Promise<void> => (looking ??= look().finally(() => (looking = null)));
  const timer = setInterval(() => void once(), everyMs).unref();
  return {
    live: () =>
      isHung()
        ? { ok: false, detail: `${topic}: the loop that reads it hangs, although Kafka answers. A restart helps` }
        : { ok: true },
    look: once,
    stop: () => clearInterval(timer),
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import { AwayError, messageOf } from '../common';
import type { Store } from '../store';
import type { RoleParts } from '../wiring';
import { startTopicSink, type TopicSink, type TopicSinkOptions } from './topic-sink';

export interface FollowedVisits {
  /** Null while the visits topic does not exist. */
  running(): TopicSink | null;
  /** Resolves after `stop`. Rejects with the error that ended the storing of visits. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

export interface FollowVisitsOptions extends Omit<TopicSinkOptions, 'about'> {
  /** Between two looks for the topic. Default 30,000. */
  readonly retryMs?: number;
}

const RETRY_MS = 30_000;

/**
 * Stores visits beside the rows. The visits topic may be missing, for example during an upgrade. The sink then logs
 * that, continues with rows and looks again later. Once it has the topic, an error of the visits ends it as one of the
 * rows does.
 */
export async function followVisits(
  parts: RoleParts & { readonly store: Store },
  { retryMs = RETRY_MS, ...options }: FollowVisitsOptions,
): Promise<FollowedVisits> {
  const stopping = new AbortController();
  let running = await tryToStart(parts, options);
  let starting: Promise<unknown> = Promise.resolve();

  const run = async (): Promise<void> => {
    while (running === null) {
      await sleep(retryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      const attempt = tryToStart(parts, options);
      starting = attempt.catch(() => undefined);
      running = await attempt;
    }
    await running.sink.done;
  };
  const done = run();
  done.catch(() => undefined); // its owner reads it
  return {
    running: () => running,
    done,
    stop: async () => {
      stopping.abort();
      await starting;
      await running?.stop();
    },
  };
}

/** Null: the visits topic cannot be read, or a service does not answer. */
async function tryToStart(
  parts: RoleParts & { readonly store: Store },
  options: Omit<TopicSinkOptions, 'about'>,
): Promise<TopicSink | null> {
  const { log, logger, topics } = parts;
  try {
    // The state topic of the same Kafka was reached a moment ago, so an error here is about this topic.
    await log.reach([topics.visits]);
  } catch (error) {
    logger.warn(
      { topic: topics.visits, reason: messageOf(error) },
      'no visits reach ClickHouse, because the sink cannot read their topic. Run `queuefold setup`, or set VISITS=off. The sink continues with rows',
    );
    return null;
  }
  try {
    return await startTopicSink(parts, { ...options, about: 'visits' });
  } catch (error) {
    if (!(error instanceof AwayError)) throw error;
    logger.warn({ reason: messageOf(error) }, 'no visits reach ClickHouse yet: the sink tries again');
    return null;
  }
}

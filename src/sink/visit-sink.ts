import { setTimeout as sleep } from 'node:timers/promises';
import { AwayError, messageOf } from '../common';
import type { Store } from '../store';
import type { RoleParts } from '../wiring';
import { startTopicSink, type TopicSink, type TopicSinkOptions } from './topic-sink';

export interface FollowedVisits {
  /** Null while there is no topic of visits. */
  running(): TopicSink | null;
  /** Resolves after `stop`; rejects with what ended the storing of visits. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

export interface FollowVisitsOptions extends Omit<TopicSinkOptions, 'about'> {
  /** Between two looks for the topic. Default 30,000. */
  readonly retryMs?: number;
}

const RETRY_MS = 30_000;

/**
 * Stores visits beside the rows. Where the topic of visits is missing, in the middle of an upgrade say, it says so, the
 * rows go on, and it looks again. From then on the visits are as good a reason to end as the rows.
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

/** Null: there is no topic of visits that can be read, or what it needs does not answer. */
async function tryToStart(
  parts: RoleParts & { readonly store: Store },
  options: Omit<TopicSinkOptions, 'about'>,
): Promise<TopicSink | null> {
  const { log, logger, topics } = parts;
  try {
    // Of the same Kafka the state topic has just been reached: what fails here is about this topic.
    await log.reach([topics.visits]);
  } catch (error) {
    logger.warn(
      { topic: topics.visits, reason: messageOf(error) },
      'no visits reach ClickHouse, because the sink cannot read their topic. Run `queuefold setup`, or set VISITS=off. The sink goes on with rows',
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

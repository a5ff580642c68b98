import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf, OperatorError } from '../common';
import type { Log } from '../log';

export interface TopicGuardOptions {
  readonly log: Pick<Log, 'topicId'>;
  readonly topic: string;
  /** Null: the log tells no ids, and nothing can be guarded. */
  readonly topicId: string | null;
  readonly logger: Logger;
}

const RETRY_MS = 500;

/**
 * Says of records that were read before the call that they are of the topic with the given id: it still has that id,
 * and ids do not come back. Asks until the log answers. The answer rejects with an OperatorError when the topic was
 * recreated, or with the signal's reason.
 */
export function createTopicGuard({ log, topic, topicId, logger }: TopicGuardOptions) {
  return async (signal: AbortSignal): Promise<void> => {
    if (topicId === null) return;
    for (;;) {
      signal.throwIfAborted();
      let found: string | null;
      try {
        found = await log.topicId(topic);
      } catch (error) {
        logger.warn({ error: messageOf(error) }, 'Kafka does not say the id of the topic: the sink asks again');
        await sleep(RETRY_MS, undefined, { signal });
        continue;
      }
      if (found === topicId) return;
      throw topicRecreated(topic);
    }
  };
}

export function topicRecreated(topic: string): OperatorError {
  return new OperatorError(
    `${topic} was deleted and recreated while the sink read it. Start the sink again: it then reads the topic from its beginning.`,
  );
}

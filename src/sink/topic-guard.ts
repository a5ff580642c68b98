import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf, OperatorError } from '../common';
import type { Log } from '../log';

export interface TopicGuardOptions {
  readonly log: Pick<Log, 'topicId'>;
  readonly topic: string;
  /** Null: the log gives no ids, so the guard cannot guard. */
  readonly topicId: string | null;
  readonly logger: Logger;
}

const RETRY_MS = 500;

/**
 * Confirms that records that were read before the call come from the topic with this id: the topic still has the id,
 * and no topic gets an id twice. Asks until the log answers. Rejects with an OperatorError if the topic was recreated,
 * or with the signal's reason.
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
        logger.warn({ error: messageOf(error) }, 'Kafka does not give the id of the topic: the sink asks again');
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

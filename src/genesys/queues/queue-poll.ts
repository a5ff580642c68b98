import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../common';
import type { Logger, Metrics } from '../../ops';
import type { ChannelSet } from '../channels/channel-set';
import type { Reconciler } from '../reconciliation/reconciler';
import type { Rest } from '../rest/rest';
import type { Timings } from '../timings';
import type { QueueChanges, QueueWatch } from './queue-watch';
import { listQueues } from './queues';

export interface Polling {
  readonly rest: Rest;
  readonly watch: QueueWatch;
  readonly channels: ChannelSet;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly reconciler: Reconciler | null;
  readonly signal: AbortSignal;
  readonly timings: Timings;
}

/** Follows the list of queues. While Genesys does not give the list, the queues stay as they are. */
export async function pollQueues(polling: Polling): Promise<void> {
  const { rest, watch, channels, metrics, logger, signal, timings } = polling;
  const isOver = (): boolean => signal.aborted;
  for (;;) {
    await sleep(timings.queuesEveryMs, undefined, { signal }).catch(() => undefined);
    if (isOver()) return;
    try {
      const changes = watch.look(await listQueues(rest, 'background'));
      const left = channels.assign([...watch.queues().keys()]);
      metrics.unwatchedQueues.set(left.length);
      if (left.length > 0)
        logger.error(
          { queues: left.length },
          'the channels of this bridge have no room for these queues: divide the queues among bridges (SHARD)',
        );
      metrics.queuePolls.inc({ outcome: hasNews(changes) ? 'changed' : 'same' });
      tellChanges(changes, polling);
    } catch (error) {
      if (isOver()) return;
      metrics.queuePolls.inc({ outcome: 'failed' });
      logger.warn(
        { reason: messageOf(error) },
        'the bridge cannot read the list of queues and keeps the queues that it has',
      );
    }
  }
}

const hasNews = ({ added, removed, renamed }: QueueChanges): boolean =>
  added.length + removed.length + renamed.length > 0;

function tellChanges({ added, removed, renamed, unmatched }: QueueChanges, { logger, reconciler }: Polling): void {
  for (const { id, name } of added) logger.info({ queueId: id, queue: name }, 'the bridge listens to a new queue');
  for (const { queue, before } of renamed) {
    logger.info({ queueId: queue.id, queue: queue.name, before }, 'a queue has another name');
  }
  for (const { id, name } of removed) logger.warn({ queueId: id, queue: name }, 'a queue is gone');
  // No more notifications of its conversations will come.
  if (removed.length > 0)
    reconciler?.gap(
      removed.map(({ id }) => id),
      null,
    );
  if (unmatched.length > 0) logger.warn({ unmatched }, 'QUEUES: no queue has that id or name any more');
}

import type { QueueConversation } from '../../../src/conversation';
import { aRow } from '../../support/conversation/rows';

export const NOW = Date.UTC(2026, 0, 2, 12, 0, 0);

/** A voice call that has waited in the queue `q1` for a minute, with the given differences. */
export function aWaitingCall(differences: Partial<QueueConversation> = {}): QueueConversation {
  const began = NOW - 60_000;
  return aRow({
    db_last_updated: NOW,
    db_when_created: began,
    connected_time: began,
    queue_connected_time: began,
    ani: 'tel:+4930123456',
    ...differences,
  });
}

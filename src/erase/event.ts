import { randomUUID } from 'node:crypto';
import { newTraceparent } from '../common';
import type { EventSource, GoneEvent } from '../conversation';
import { cloudEventHeaders, type OutRecord, type ValueCodec } from '../log';

/**
 * An event that asks the fold to erase a conversation, because only the fold may write to its topics.
 * @param visitsOf the participants whose visits have records
 */
export function eraseRecord(
  topic: string,
  events: Pick<ValueCodec<GoneEvent>, 'encode'>,
  conversationId: string,
  visitsOf: readonly string[],
  now: number,
): OutRecord {
  const source = 'operator' satisfies EventSource;
  const event: GoneEvent = {
    ...{ conversationId, source, receivedAt: now, fingerprint: null },
    ...{ gone: true, participants: [], erase: true, visitsOf },
  };
  const headers = cloudEventHeaders({
    id: randomUUID(),
    source: 'queuefold/erase',
    type: 'queuefold.conversation.event',
    time: now,
    traceparent: newTraceparent(),
  });
  return { topic, key: conversationId, value: events.encode(event), headers };
}

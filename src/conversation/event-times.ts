import type { ConversationEvent } from './event';
import { isTime } from './values';

/**
 * Whether the bridge would accept every time of the event (`time` in values.ts). Another writer may send any number: no
 * date has such a time, and neither Kafka nor ClickHouse would take it.
 */
export function hasRealTimes(event: ConversationEvent): boolean {
  if (!isTime(event.receivedAt)) return false;
  if (event.gone) return true;
  for (const { receivedAt } of event.parts ?? []) if (!isTime(receivedAt)) return false;
  for (const { connectedTime, communications } of event.participants) {
    if (!isTimeOrNull(connectedTime)) return false;
    for (const leg of communications) {
      if (!isTimeOrNull(leg.startAlertingTime)) return false;
      if (!isTimeOrNull(leg.connectedTime) || !isTimeOrNull(leg.disconnectedTime)) return false;
      const work = leg.afterCallWork;
      if (work !== null && !(isTimeOrNull(work.startTime) && isTimeOrNull(work.endTime))) return false;
      for (const { messageTime } of leg.messages ?? []) if (!isTimeOrNull(messageTime)) return false;
    }
  }
  return true;
}

function isTimeOrNull(time: number | null): boolean {
  return time === null || isTime(time);
}

/** The event with receive times of at most `latest`, epoch ms. */
export function notReceivedAfter(event: ConversationEvent, latest: number): ConversationEvent {
  const receivedAt = Math.min(event.receivedAt, latest);
  if (event.gone || event.parts === undefined) return { ...event, receivedAt };
  const parts = event.parts.map((part) => ({ ...part, receivedAt: Math.min(part.receivedAt, latest) }));
  return { ...event, receivedAt, parts };
}

import type { EventSource } from '../event';
import { DEFAULT_LIMITS, type Limits } from '../limits';
import { isObject, text, time, type JsonObject } from '../values';
import { normaliseConversation } from './normalise';
import { invalid, skip, type Outcome } from './outcome';

/** The topics with events. Every other topic (`channel.metadata`, `….conversations.calls`, …) is skipped. */
const EVENT_TOPIC = /^v2\.(?:routing\.queues|users)\.[^.]+\.conversations$/;

/**
 * Reads one JSON value in any of the five wire shapes of the specification's section 2, as the first that fits.
 * @param now the receive time if the input carries none, epoch ms
 */
export function readWire(value: unknown, now: number, limits: Limits = DEFAULT_LIMITS): Outcome {
  if (!isObject(value)) return invalid('not-an-object', 'the input is not a JSON object');
  if (isRecording(value)) return readRecording(value, now, limits);
  return readLive(value, null, now, limits);
}

/** Whether it is a recording of a *gone*. Only its recorder can know whether it is true. */
export function isGoneRecording(value: unknown): boolean {
  return isObject(value) && isRecording(value) && !has(value, 'event');
}

/** Shape 1: `{"receivedAt", "event"}` or `{"receivedAt", "gone": {"id"}}`. */
function isRecording(value: JsonObject): boolean {
  return (
    Object.hasOwn(value, 'receivedAt') &&
    (has(value, 'event') || has(value, 'gone')) &&
    !has(value, 'topicName') &&
    !has(value, 'participants')
  );
}

function readRecording(value: JsonObject, now: number, limits: Limits): Outcome {
  const receivedAt = time(value['receivedAt']);
  if (has(value, 'event')) {
    const event = value['event'];
    if (!isObject(event)) return invalid('not-an-object', '"event" is not a JSON object');
    return readLive(event, receivedAt, now, limits);
  }
  const gone = value['gone'];
  if (!isObject(gone)) return invalid('not-an-object', '"gone" is not a JSON object');
  const conversationId = text(gone['id']);
  if (conversationId === null) return invalid('no-conversation-id', '"gone" has no id');
  const event = {
    conversationId,
    receivedAt: receivedAt ?? now,
    source: 'recording',
    gone: true,
    participants: [],
    fingerprint: null,
  } as const;
  return { kind: 'event', event };
}

/** Shapes 2 to 5. */
function readLive(value: JsonObject, receivedAt: number | null, now: number, limits: Limits): Outcome {
  const detail = value['detail'];
  if (isObject(detail) && (has(detail, 'eventBody') || has(detail, 'topicName'))) {
    return readNotification(detail, receivedAt ?? time(detail['timestamp']) ?? now, 'eventbridge', limits);
  }
  if (has(value, 'topicName') || has(value, 'eventBody')) {
    return readNotification(value, receivedAt ?? now, 'websocket', limits);
  }
  if ((has(value, 'result') || has(value, 'message')) && !has(value, 'id') && !has(value, 'participants')) {
    return skip('control-frame');
  }
  return normaliseConversation(value, receivedAt ?? now, 'rest' satisfies EventSource, limits);
}

function readNotification(frame: JsonObject, receivedAt: number, source: EventSource, limits: Limits): Outcome {
  const topicName = text(frame['topicName']);
  if (topicName === null) return skip('no-topic');
  if (!EVENT_TOPIC.test(topicName)) return skip('other-topic');
  return normaliseConversation(frame['eventBody'], receivedAt, source, limits);
}

/** Null means the same as a missing key. */
function has(value: JsonObject, key: string): boolean {
  return Object.hasOwn(value, key) && value[key] !== null;
}

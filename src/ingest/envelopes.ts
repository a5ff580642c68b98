import { isObject, time } from '../conversation';

/** The content of an envelope of a queue or a gateway; null: the value is no envelope, and stands for itself. */
export type Unwrapped =
  | { readonly kind: 'payloads'; readonly payloads: readonly Payload[] }
  /** The sender first asks whether it may send. */
  | { readonly kind: 'handshake'; readonly code: string | null; readonly confirmAt: string | null };

export interface Payload {
  /** JSON as text or bytes, or a value that is parsed already. */
  readonly content: Buffer | { readonly value: unknown };
  /** When it was sent, if the envelope says so; epoch ms. */
  readonly at: number | null;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the envelopes in which events usually come. No envelope has the marks of an event itself (a topic, a `detail`
 * with one, participants), so no event is taken for an envelope.
 * - SQS: `Records[].body` (Lambda), `Messages[].Body` (the API and the command line), one message with `Body`
 * - SNS: a notification with `Message`, `Records[].Sns` (Lambda), and the confirmation of a subscription
 * - Firehose, HTTP delivery: `records[].data`, base64, with a `requestId`
 * - Azure Event Grid: CloudEvents 1.0 (`specversion`, `data` or `data_base64`) and its own schema (`eventType`, `data`)
 */
export function unwrap(value: unknown): Unwrapped | null {
  if (!isObject(value) || isEvent(value)) return null;
  for (const read of [handshake, sqsOrSns, firehose, eventGrid]) {
    const found = read(value);
    if (found !== null) return found;
  }
  return null;
}

function isEvent(value: Fields): boolean {
  const { detail } = value;
  if (isObject(detail) && ('eventBody' in detail || 'topicName' in detail)) return true;
  return ['topicName', 'eventBody', 'participants', 'receivedAt'].some((key) => (value[key] ?? null) !== null);
}

const payloads = (all: readonly Payload[]): Unwrapped => ({ kind: 'payloads', payloads: all });
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const ofText = (text: string, at: number | null): Payload => ({ content: Buffer.from(text), at });

function handshake(value: Fields): Unwrapped | null {
  const { Type: type, eventType, data } = value;
  if (type === 'SubscriptionConfirmation' || type === 'UnsubscribeConfirmation') {
    return { kind: 'handshake', code: null, confirmAt: textOf(value['SubscribeURL']) };
  }
  if (eventType !== 'Microsoft.EventGrid.SubscriptionValidationEvent' || !isObject(data)) return null;
  return { kind: 'handshake', code: textOf(data['validationCode']), confirmAt: null };
}

function sqsOrSns(value: Fields): Unwrapped | null {
  const list = value['Records'] ?? value['Messages'];
  if (Array.isArray(list) && list.every(isObject)) {
    const all = list.map(messageOf);
    return all.every((one) => one !== null) ? payloads(all) : null;
  }
  const one = messageOf(value);
  return one === null ? null : payloads([one]);
}

function messageOf(value: Fields): Payload | null {
  const { Sns: sns } = value;
  if (isObject(sns)) return messageOf(sns);
  const message = textOf(value['Message']);
  if (message !== null && (value['TopicArn'] ?? value['Type']) !== undefined) {
    return ofText(message, time(value['Timestamp']));
  }
  const body = textOf(value['body'] ?? value['Body']);
  if (body === null || (value['messageId'] ?? value['MessageId']) === undefined) return null;
  const attributes = value['attributes'] ?? value['Attributes'];
  return ofText(body, isObject(attributes) ? epochMs(attributes['SentTimestamp']) : null);
}

function firehose(value: Fields): Unwrapped | null {
  const { requestId, records, timestamp } = value;
  if (textOf(requestId) === null || !Array.isArray(records) || !records.every(isObject)) return null;
  const at = epochMs(timestamp);
  const all = records.map(({ data }) => textOf(data));
  if (!all.every((data) => data !== null)) return null;
  return payloads(all.map((data) => ({ content: Buffer.from(data, 'base64'), at })));
}

function eventGrid(value: Fields): Unwrapped | null {
  const { specversion, eventType, data, data_base64: packed } = value;
  const isCloudEvent = specversion === '1.0' && textOf(value['type']) !== null;
  if (!isCloudEvent && textOf(eventType) === null) return null;
  const at = time(value['time']) ?? time(value['eventTime']);
  if (typeof packed === 'string') return payloads([{ content: Buffer.from(packed, 'base64'), at }]);
  if (typeof data === 'string') return payloads([ofText(data, at)]);
  return isObject(data) ? payloads([{ content: { value: data }, at }]) : null;
}

/** Reads a number of milliseconds. Some senders write it as text. */
function epochMs(value: unknown): number | null {
  const ms = typeof value === 'string' || typeof value === 'number' ? Number(value) : NaN;
  return Number.isSafeInteger(ms) && ms > 0 && ms < Date.UTC(2300, 0, 1) ? ms : null;
}

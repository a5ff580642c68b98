import { MEDIA } from '../media';
import { isObject, time } from '../values';

/**
 * The shape of the inputs of the specification's section 2, for dead letters. `word`: an id or a value of an open list.
 * `time`: a time. An object: its known fields. A list of one: the shape of an array's elements.
 */
type Shape = 'word' | 'time' | { readonly [key: string]: Shape } | readonly [Shape];

const WORK: Shape = { state: 'word', startTime: 'time', endTime: 'time' };
const LEG: Shape = {
  id: 'word',
  state: 'word',
  direction: 'word',
  provider: 'word',
  disconnectType: 'word',
  startAlertingTime: 'time',
  connectedTime: 'time',
  disconnectedTime: 'time',
  afterCallWork: WORK,
  messages: [{ messageTime: 'time' }],
};
/** Only messages have columns for type and status. */
const MESSAGE_LEG: Shape = { ...LEG, type: 'word', messages: [{ messageTime: 'time', messageStatus: 'word' }] };
const PARTICIPANT: Shape = {
  id: 'word',
  purpose: 'word',
  queueId: 'word',
  userId: 'word',
  connectedTime: 'time',
  conversationRoutingData: { skills: [{ id: 'word' }] },
  ...Object.fromEntries(MEDIA.map(([array, medium]) => [array, [medium === 'Message' ? MESSAGE_LEG : LEG]] as const)),
};
const CONVERSATION: Shape = { id: 'word', participants: [PARTICIPANT] };
const NOTIFICATION: Shape = { topicName: 'word', eventBody: CONVERSATION };
const LIVE: Shape = { ...CONVERSATION, ...NOTIFICATION, detail: { ...NOTIFICATION, timestamp: 'time' } };
const INPUT: Shape = { ...LIVE, receivedAt: 'time', event: LIVE, gone: { id: 'word' } };

/** Matches an id or a value of an open list, but no text. */
const WORD = /^[\w.:@+-]{1,100}$/;
/** A name that Genesys may have given to a field. A key with any other character may be personal. */
const FIELD_NAME = /^[A-Za-z]{1,40}$/;
const DEEPEST = 12;

/**
 * The input of a dead letter without anything that may be personal. A string that the table does not use, an address, a
 * subject and a number become their length; unknown objects and arrays become their size.
 */
export function withoutPersonalData(input: unknown): unknown {
  return scrub(input, INPUT, 0);
}

function scrub(value: unknown, shape: Shape | null, depth: number): unknown {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return keeps(shape, value) ? value : value.length;
  if (typeof value === 'number') return String(value).length;
  if (Array.isArray(value)) {
    if (!isListShape(shape) || depth > DEEPEST) return value.length;
    return value.map((item: unknown) => scrub(item, shape[0], depth + 1));
  }
  if (!isObject(value)) return null;
  const keys = Object.keys(value);
  if (shape === null || typeof shape === 'string' || isListShape(shape) || depth > DEEPEST) return keys.length;
  const known = keys.filter((key) => Object.hasOwn(shape, key) || FIELD_NAME.test(key));
  const scrubbed = known.map((key) => [key, scrub(value[key], shape[key] ?? null, depth + 1)] as const);
  const others = keys.length - known.length;
  return Object.fromEntries(others === 0 ? scrubbed : [...scrubbed, ['(other keys)', others]]);
}

function keeps(shape: Shape | null, value: string): boolean {
  return (shape === 'word' && WORD.test(value)) || (shape === 'time' && time(value) !== null);
}

function isListShape(shape: Shape | null): shape is readonly [Shape] {
  return Array.isArray(shape);
}

/**
 * Conversations as Genesys reports them, written as sentences. Builders are values: each step gives a new one, so that
 * a test can tell a story and send the truth of each moment.
 */
import type { FoldSettings } from '../../../src/conversation';
import { foldedRecords, type PrintedRecord } from './conversation-fold';

export type Wire = Readonly<Record<string, unknown>>;

const ORIGIN = Date.parse('2026-03-02T09:00:00.000Z');
export const MINUTE = 60;
export const HOUR = 60 * MINUTE;

/** A moment in epoch milliseconds, given in seconds after the stories begin. */
export const ms = (seconds: number): number => ORIGIN + Math.round(seconds * 1000);
/** The same as ISO-8601. */
export const at = (seconds: number): string => new Date(ms(seconds)).toISOString();

export interface Leg {
  readonly array: string;
  readonly wire: Wire;
}

const legOf =
  (array: string) =>
  (id: string, fields: Wire = {}): Leg => ({ array, wire: { id, ...fields } });

export const call = legOf('calls');
export const callback = legOf('callbacks');
export const chat = legOf('chats');
export const email = legOf('emails');
export const message = legOf('messages');
export const video = legOf('videos');
export const screenShare = legOf('screenshares');
export const legIn = (array: string, id: string, fields: Wire = {}): Leg => legOf(array)(id, fields);

export const connected = (since: number): Wire => ({ state: 'connected', connectedTime: at(since) });
export const ended = (when: number, how = 'client'): Wire => ({
  state: 'disconnected',
  disconnectedTime: at(when),
  disconnectType: how,
});

/** A participant in the form of the snapshot's array. */
export function participant(id: string, fields: Wire, ...legs: readonly Leg[]): Wire {
  const arrays: Record<string, Wire[]> = {};
  for (const { array, wire } of legs) (arrays[array] ??= []).push(wire);
  return { id, ...fields, ...arrays };
}

export const acd = (id: string, queueId: string, ...legs: readonly Leg[]): Wire =>
  participant(id, { purpose: 'acd', queueId }, ...legs);
export const agent = (id: string, ...legs: readonly Leg[]): Wire =>
  participant(id, { purpose: 'agent', userId: `user-of-${id}` }, ...legs);
export const customer = (id: string, ...legs: readonly Leg[]): Wire =>
  participant(id, { purpose: 'customer' }, ...legs);

export const notification = (body: unknown, topicName = 'v2.routing.queues.Q1.conversations'): Wire => ({
  topicName,
  version: '2',
  eventBody: body,
  metadata: { CorrelationId: 'x' },
});

/** The recording of a snapshot with these participants. */
export const snapshot = (seconds: number, participants: readonly Wire[], id = 'c1'): string =>
  JSON.stringify({ receivedAt: at(seconds), event: notification({ id, participants }) });

export const gone = (seconds: number, id = 'c1'): string => JSON.stringify({ receivedAt: at(seconds), gone: { id } });

export interface ConversationStory {
  /** The caller's leg, live since second 0. */
  called(): ConversationStory;
  /** An acd participant waits in the queue. */
  queued(queueId?: string, since?: number): ConversationStory;
  /** The phone of an agent rings. */
  alerting(who: string): ConversationStory;
  /** The agent lets it ring, or rejects. */
  rejectedBy(who: string): ConversationStory;
  /** The agent's leg is connected; the queue's leg ends. */
  answeredBy(who: string, since: number): ConversationStory;
  /** The agent's leg ends, and another queue's begins. */
  transferredTo(queueId: string, since: number): ConversationStory;
  /** Every leg ends. */
  hungUp(when: number, fields?: Wire): ConversationStory;
  /** One more participant, in any state. */
  joinedBy(wire: Wire): ConversationStory;
  /** Changes fields of a participant, or of its legs. */
  with(who: string, fields: Wire, ofLegs?: Wire): ConversationStory;
  without(...who: readonly string[]): ConversationStory;
  readonly body: Wire;
  /** The line of a recording received at this moment. */
  at(seconds: number): string;
}

/** Legs are calls. Participants are named `caller`, `queue Q1`, or with the agent's name. */
export function aConversation(id = 'c1', participants: readonly Wire[] = []): ConversationStory {
  const story = (next: readonly Wire[]): ConversationStory => aConversation(id, next);
  const change = (matches: (wire: Wire) => boolean, fields: Wire, ofLegs: Wire): ConversationStory =>
    story(participants.map((wire) => (matches(wire) ? changed(wire, fields, ofLegs) : wire)));
  const isWaiting = (wire: Wire): boolean => wire['purpose'] === 'acd' && isLive(wire);
  const put = (wire: Wire): ConversationStory => {
    const known = participants.some((each) => each['id'] === wire['id']);
    return story(
      known ? participants.map((each) => (each['id'] === wire['id'] ? wire : each)) : [...participants, wire],
    );
  };
  return {
    called: () => put(customer('caller', call('leg of caller', { ...connected(0), direction: 'inbound' }))),
    queued: (queueId = 'Q1', since = 2) =>
      put(acd(`queue ${queueId}`, queueId, call(`leg of queue ${queueId}`, connected(since)))),
    alerting: (who) => put(agent(who, call(`leg of ${who}`, { state: 'alerting' }))),
    rejectedBy: (who) => change((wire) => wire['id'] === who, {}, { state: 'disconnected', disconnectType: 'system' }),
    answeredBy: (who, since) => {
      const handedOver = change(isWaiting, {}, ended(since, 'transfer'));
      return handedOver.joinedBy(agent(who, call(`leg of ${who}`, connected(since))));
    },
    transferredTo: (queueId, since) =>
      change((wire) => wire['purpose'] === 'agent' && isLive(wire), {}, ended(since, 'transfer')).queued(
        queueId,
        since,
      ),
    hungUp: (when, fields = {}) => change(isLive, {}, { ...ended(when, 'peer'), ...fields }),
    joinedBy: put,
    with: (who, fields, ofLegs = {}) => change((wire) => wire['id'] === who, fields, ofLegs),
    without: (...who) => story(participants.filter((wire) => !who.includes(String(wire['id'])))),
    body: { id, participants },
    at: (seconds) => snapshot(seconds, participants, id),
  };
}

const changed = (wire: Wire, fields: Wire, ofLegs: Wire): Wire => ({
  ...(Object.fromEntries(
    Object.entries(wire).map(([key, value]) => [
      key,
      Array.isArray(value) ? (value as Wire[]).map((leg) => ({ ...leg, ...ofLegs })) : value,
    ]),
  ) as Wire),
  ...fields,
});

const isLive = (wire: Wire): boolean =>
  Object.values(wire)
    .filter((value) => Array.isArray(value))
    .flat()
    .some((leg) => (leg as Wire)['state'] !== 'disconnected');

/** The records that the fold writes for these lines. */
export const recordsOf = (lines: readonly string[], settings: Partial<FoldSettings> = {}): PrintedRecord[] =>
  foldedRecords(lines, settings);

export type Row = NonNullable<PrintedRecord['value']>;

/** The row after these lines; fails if there is none. */
export function rowAfter(...lines: readonly string[]): Row {
  const row = foldedRecords(lines).at(-1)?.value;
  if (row === undefined || row === null) throw new Error('there is no row after these lines');
  return row;
}

/** The row of a single snapshot with these participants. */
export const rowOf = (...participants: readonly Wire[]): Row => rowAfter(snapshot(200, participants));

/** `row` for a record and `tombstone` for a tombstone, in order. */
export const kinds = (records: readonly PrintedRecord[]): string[] =>
  records.map(({ value }) => (value === null ? 'tombstone' : 'row'));
/** … of the records that the fold writes for these lines. */
export const kindsOf = (...lines: readonly string[]): string[] => kinds(recordsOf(lines));

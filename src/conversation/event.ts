/**
 * The domain event: a conversation's snapshot after normalising (specification, section 2), with nothing in it that
 * the table does not use. This is what the events topic carries. Absent values are `null`; times are epoch milliseconds.
 */
export type ConversationEvent = SnapshotEvent | GoneEvent;

/** Where an event came from; an open list, for people and metrics only: the fold does not read it. */
export type EventSource = 'websocket' | 'rest' | 'eventbridge' | 'recording' | 'operator';

interface EventBase {
  readonly conversationId: string;
  /** Stamped once, outside the fold: no clock is read after this. */
  readonly receivedAt: number;
  readonly source: string;
  /** Of a snapshot's participants (fingerprint.ts), put in on the way into Kafka so that the fold need not; null: not there. */
  readonly fingerprint: Buffer | null;
}

/** Everything Genesys said of the conversation at one moment. */
export interface SnapshotEvent extends EventBase {
  readonly gone: false;
  readonly participants: readonly ParticipantSnapshot[];
  /** Of one that was merged from several (coalesce.ts): the last of them, oldest first. Absent or empty: it is one. */
  readonly parts?: readonly EventPart[];
}

/** What remains of a snapshot that was merged with others: its place in the window of duplicates. */
export interface EventPart {
  readonly fingerprint: Buffer;
  readonly receivedAt: number;
}

/** The bridge verified that Genesys no longer has the conversation, or that it ended. */
export interface GoneEvent extends EventBase {
  readonly gone: true;
  /** Whoever verified it saw a row of it in the state topic. Absent: false. */
  readonly hasRow?: boolean;
  readonly participants: readonly [];
  /** An operator wants it erased (erase.ts): row, knowledge and all, and that it stays so. Absent: not. */
  readonly erase?: boolean;
  /** Of one to erase: participants of whose visits the topic has records, for the fold may have forgotten them. Absent: none. */
  readonly visitsOf?: readonly string[];
}

export interface ParticipantSnapshot {
  readonly id: string;
  /** Its index in the snapshot's array: the order of joining. */
  readonly position: number;
  readonly purpose: string | null;
  readonly queueId: string | null;
  readonly userId: string | null;
  readonly connectedTime: number | null;
  /** Monitors, coaches, barges in or screen-monitors; whom, the table does not use. */
  readonly supervisor: boolean;
  /** It was asked for help by somebody on the phone to another participant; about whom, nobody uses. */
  readonly consult: boolean;
  /** `conversationRoutingData.skills[].id` in order; null where there are none. */
  readonly skills: readonly string[] | null;
  readonly communications: readonly CommunicationSnapshot[];
}

/** What is said of a communication, and the fold keeps as it was said. */
export interface CommunicationFields {
  readonly state: string | null;
  readonly direction: string | null;
  readonly provider: string | null;
  readonly disconnectType: string | null;
  /** REST has it, the websocket does not. */
  readonly startAlertingTime: number | null;
  readonly connectedTime: number | null;
  readonly disconnectedTime: number | null;
  readonly afterCallWork: AfterCallWork | null;
  /** Of a call. */
  readonly self: string | null;
  /** Of a call. */
  readonly other: string | null;
  /** Of a message. */
  readonly fromAddress: string | null;
  /** Of a message. */
  readonly toAddress: string | null;
  /** Of a callback: the first number that is present. */
  readonly callbackNumber: string | null;
  /** Of an e-mail. */
  readonly subject: string | null;
  /** Of a message: its `type`. */
  readonly messageType: string | null;
}

export interface CommunicationSnapshot extends CommunicationFields {
  readonly id: string;
  /** The value of the column media_type: `Voice`, `Callback`, … */
  readonly medium: string;
  /** Its index in its medium's array. */
  readonly index: number;
  /** Null where there are none. */
  readonly messages: readonly MessageSnapshot[] | null;
}

export interface AfterCallWork {
  readonly state: string | null;
  readonly startTime: number | null;
  readonly endTime: number | null;
}

export interface MessageSnapshot {
  readonly messageTime: number | null;
  readonly messageStatus: string | null;
}

/**
 * The domain event: a conversation's snapshot after normalizing (specification, section 2), with only those parts that
 * the table uses. The events topic carries it. Absent values are `null`; times are epoch milliseconds.
 */
export type ConversationEvent = SnapshotEvent | GoneEvent;

/** The source of an event; an open list, for people and metrics only: the fold does not read it. */
export type EventSource = 'websocket' | 'rest' | 'eventbridge' | 'recording' | 'operator';

interface EventBase {
  readonly conversationId: string;
  /** Stamped once, outside the fold: nothing reads a clock after this. */
  readonly receivedAt: number;
  readonly source: string;
  /**
   * The fingerprint of a snapshot's participants (fingerprint.ts). The bridge computes it so that the fold need not;
   * null: none.
   */
  readonly fingerprint: Buffer | null;
}

/** Everything that Genesys said of the conversation at one moment. */
export interface SnapshotEvent extends EventBase {
  readonly gone: false;
  readonly participants: readonly ParticipantSnapshot[];
  /** The last events that were merged into this one (coalesce.ts), oldest first. Absent or empty: it is not merged. */
  readonly parts?: readonly EventPart[];
}

/** The remains of a snapshot that was merged with others: its place in the window of duplicates. */
export interface EventPart {
  readonly fingerprint: Buffer;
  readonly receivedAt: number;
}

/** The bridge verified that Genesys no longer has the conversation, or that it ended. */
export interface GoneEvent extends EventBase {
  readonly gone: true;
  /** The bridge saw the conversation's row in the state topic. Absent: false. */
  readonly hasRow?: boolean;
  readonly participants: readonly [];
  /** An operator wants the conversation erased for good (erase.ts): its row and all knowledge of it. Absent: no. */
  readonly erase?: boolean;
  /**
   * For an event that erases: participants whose visits have records in the topic, because the fold may have forgotten
   * them. Absent: none.
   */
  readonly visitsOf?: readonly string[];
}

export interface ParticipantSnapshot extends ParticipantFields {
  readonly communications: readonly CommunicationSnapshot[];
}

/** The facts of a participant that the fold keeps. */
export interface ParticipantFields {
  readonly id: string;
  /** Its index in the snapshot's array: the order of joining. */
  readonly position: number;
  readonly purpose: string | null;
  readonly queueId: string | null;
  readonly userId: string | null;
  readonly connectedTime: number | null;
  /** The participant monitors, coaches, barges in or screen-monitors. The table does not use whom. */
  readonly supervisor: boolean;
  /** Somebody on the phone to another participant asked it for help. Nobody uses about whom. */
  readonly consult: boolean;
  /** `conversationRoutingData.skills[].id` in order; null if there are none. */
  readonly skills: readonly string[] | null;
}

/** The facts of a communication that the fold keeps as Genesys sent them. */
export interface CommunicationFields {
  readonly state: string | null;
  readonly direction: string | null;
  readonly provider: string | null;
  readonly disconnectType: string | null;
  /** Present in REST, absent in the websocket. */
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
  /** Null if there are none. */
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

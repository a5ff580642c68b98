import type { CommunicationFields, ParticipantFields } from './event';

/**
 * The fold's knowledge of one conversation: plain data, with the shape of Avro FoldState (schemas/avro), which the
 * changelog holds. Values never change in place.
 */
export type ConversationState = OpenConversation | EndedConversation;

export interface OpenConversation {
  readonly kind: 'open';
  /** In the order of joining: by position, then id. */
  readonly participants: readonly Participant[];
  /** The last events that were not duplicates, oldest first. */
  readonly recent: readonly RecentEvent[];
  /** The greatest receive time of its events. */
  readonly lastReceivedAt: number;
  /** The receive time of the event that ended it, while its row waits for after-call work; else null. */
  readonly endedAt: number | null;
  readonly row: RowFacts | null;
  /** Ids of communications that ended before the conversation was re-opened: they stay ended. */
  readonly endedBefore: readonly string[];
}

/** Stays for a while after the end, so that stragglers do not bring the conversation back (section 4). */
export interface EndedConversation {
  readonly kind: 'ended';
  /** The tombstone's time; without a tombstone, the receive time of the event that ended it. */
  readonly endedAt: number;
  /** The ids of its ended communications. */
  readonly communicationIds: readonly string[];
  /** An operator erased it, see erase.ts. */
  readonly erased: boolean;
}

/** The part of a state that schedules and counts need: its fields without the lists, which cost most to decode. */
export type StateHead =
  | (Pick<OpenConversation, 'kind' | 'lastReceivedAt' | 'endedAt'> & { readonly row: Partial<RowFacts> | null })
  | Pick<EndedConversation, 'kind' | 'endedAt' | 'erased'>;

export interface RecentEvent {
  readonly digest: Buffer;
  readonly receivedAt: number;
}

/** The row's facts that do not follow from the participants. */
export interface RowFacts {
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly connectedTime: number;
  /** The participant whose real connected time will replace `connectedTime`; null: it is the real one already. */
  readonly provisionalFor: string | null;
}

export interface Participant extends ParticipantFields {
  /** The receive time of the event that made it a queued acd participant. Once set, it stays. */
  readonly queuedAt: number | null;
  readonly communications: readonly Communication[];
}

export interface Communication {
  readonly id: string;
  /** The medium of the greatest-ranked version. */
  readonly medium: string;
  /** The greatest index of all snapshots. */
  readonly index: number;
  /** It is or was in state `connected`. */
  readonly connected: boolean;
  /**
   * The greatest-ranked version first; of each lower one only the fields that all greater ones lack. So a field's value
   * is the first present one, and every field keeps the rank that it came with.
   */
  readonly versions: readonly CommunicationVersion[];
}

/** (ended, progress). The third part of the rank, the place in the log, is the order of merging. */
export interface Rank {
  readonly ended: boolean;
  /** Epoch ms; null: −∞. */
  readonly progress: number | null;
}

export interface CommunicationVersion extends Rank, CommunicationFields {
  readonly messages: MessagesState | null;
}

/**
 * A communication's messages, as far as the table uses them: the entry with the greatest time, of equal ones the last.
 */
export interface MessagesState {
  readonly messageTime: number | null;
  readonly messageStatus: string | null;
}

export type CommunicationField = keyof Omit<CommunicationVersion, keyof Rank>;

/** A field's value: the present one of the greatest-ranked version that has it. */
export function field<F extends CommunicationField>({ versions }: Communication, name: F): CommunicationVersion[F] {
  const value = versions[0]?.[name] ?? null;
  if (value !== null || versions.length < 2) return value;
  for (const version of versions) if (version[name] !== null) return version[name];
  return null;
}

export function isEnded(communication: Communication): boolean {
  return communication.versions[0]?.ended === true;
}

export const UNKNOWN: OpenConversation = {
  kind: 'open',
  participants: [],
  recent: [],
  lastReceivedAt: Number.NEGATIVE_INFINITY,
  endedAt: null,
  row: null,
  endedBefore: [],
};

/**
 * The id of the participant that stands for the queue in a state made from a row (reclaim.ts). Genesys has no such id.
 */
export const RECLAIMED = 'reclaimed';

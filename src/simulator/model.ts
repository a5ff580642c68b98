/**
 * The simulated organization's knowledge of a conversation. The wire bodies (`render.ts`, `render-rest.ts`) and the
 * truth (`truth.ts`) are two independent views of it. Times are virtual epoch milliseconds; `null` is absent.
 */
export type Medium = 'call' | 'callback' | 'chat' | 'email' | 'message';

export type Purpose =
  'customer' | 'external' | 'ivr' | 'botflow' | 'workflow' | 'inbound' | 'acd' | 'agent' | 'user' | 'voicemail';

/** The address of an end point: the number that the table uses, and the personal parts that it does not. */
export interface Address {
  readonly value: string;
  /** Genesys does not always normalize; then only `addressRaw` has the value. */
  readonly rawOnly: boolean;
  readonly extra: Readonly<Record<string, unknown>>;
}

export interface Message {
  readonly sentAt: number;
  status: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

export interface Work {
  state: string;
  startedAt: number | null;
  endedAt: number | null;
}

/** A communication. */
export interface Leg {
  readonly id: string;
  readonly medium: Medium;
  readonly openedAt: number;
  readonly initialState: string;
  state: string;
  ended: boolean;
  readonly direction: string | null;
  readonly provider: string;
  connectedAt: number | null;
  disconnectedAt: number | null;
  disconnectType: string | null;
  /** A call's own end, or a message's sender. */
  readonly from: Address | null;
  readonly to: Address | null;
  /** Callbacks only. */
  readonly callbackNumber: string | null;
  readonly subject: string | null;
  readonly messageType: string | null;
  readonly messages: Message[];
  work: Work | null;
  /** Wire fields that the table does not use. */
  readonly extra: Record<string, unknown>;
}

export type Supervision = 'monitored' | 'coached' | 'barged' | 'screenMonitored';

/** A communication and its participant. */
export interface PartyLeg {
  readonly party: Party;
  readonly leg: Leg;
}

/** The facts of a visit to a queue, from the story itself: no code derives them from times. */
export interface VisitFacts {
  readonly offered: PartyLeg[];
  answeredBy: PartyLeg | null;
  flowedOut: boolean;
}

/** A participant. */
export interface Party {
  readonly id: string;
  readonly purpose: Purpose;
  readonly joinedAt: number;
  readonly userId: string | null;
  readonly queueId: string | null;
  readonly skills: readonly string[];
  readonly supervises: { readonly how: Supervision; readonly partyId: string } | null;
  /** The participant on whose call somebody asked it for help; null: it joined without being asked. */
  readonly consultsAbout: string | null;
  /** The visit of an acd participant; else null. */
  readonly visit: VisitFacts | null;
  connectedAt: number | null;
  endedAt: number | null;
  readonly legs: Leg[];
  /** Wire fields that the table does not use. */
  readonly extra: Record<string, unknown>;
  /** Counts changes, so that unchanged participants need not be rendered again. */
  version: number;
}

export interface Conversation {
  readonly id: string;
  readonly startedAt: number;
  /** In the order of joining. */
  readonly parties: Party[];
  /** The queues whose topics carry it, in the order of entering. */
  readonly queueIds: string[];
  /** Legs that had ended when the conversation ended: a re-opened conversation starts after them. */
  readonly past: Set<string>;
  readonly extra: Record<string, unknown>;
}

export const isSupervisor = (party: Party): boolean => party.supervises !== null;

/** A conversation is live while somebody is on it who does more than supervise. */
export function isLive(conversation: Conversation): boolean {
  return conversation.parties.some((party) => !isSupervisor(party) && party.legs.some((leg) => !leg.ended));
}

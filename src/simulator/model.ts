/**
 * What the simulated organisation knows of a conversation. The wire bodies (`render.ts`, `render-rest.ts`) and the
 * truth (`truth.ts`) are two independent views of it. Times are virtual epoch milliseconds; `null` is absent.
 */
export type Medium = 'call' | 'callback' | 'chat' | 'email' | 'message';

export type Purpose =
  'customer' | 'external' | 'ivr' | 'botflow' | 'workflow' | 'inbound' | 'acd' | 'agent' | 'user' | 'voicemail';

/** An end point's address: the number the table uses, and the personal parts that it does not. */
export interface Address {
  readonly value: string;
  /** Genesys does not always normalise: then only `addressRaw` carries the value. */
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
  /** A call's own end; a message's sender. */
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

/** A communication and whose it is. */
export interface PartyLeg {
  readonly party: Party;
  readonly leg: Leg;
}

/** What happened in a queue, as the story tells it: nothing here is read off times. */
export interface Stay {
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
  /** It was asked by somebody on the phone to that participant; null: it joined by itself. */
  readonly consultsAbout: string | null;
  /** Of an acd participant, else null. */
  readonly stay: Stay | null;
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
  /** The queues whose topics carry it, in the order in which they were entered. */
  readonly queueIds: string[];
  /** Legs that had ended when the conversation ended: a re-opened one starts behind them. */
  readonly past: Set<string>;
  readonly extra: Record<string, unknown>;
}

export const isSupervisor = (party: Party): boolean => party.supervises !== null;

/** A conversation lives as long as somebody who does not merely supervise is on it. */
export function isLive(conversation: Conversation): boolean {
  return conversation.parties.some((party) => !isSupervisor(party) && party.legs.some((leg) => !leg.ended));
}

import { createHmac } from 'node:crypto';
import { normaliseAddress } from './address';
import type { CommunicationSnapshot, ConversationEvent } from './event';

export type MaskedColumn = 'ani' | 'dnis' | 'subject';

export interface PrivacyMask {
  readonly columns: ReadonlySet<MaskedColumn>;
  /** `PRIVACY_KEY` */
  readonly key: string;
}

const MARK = 'hmac-sha256:';

/** Masks a value: `hmac-sha256:` and the hex HMAC of the value, with the key's text as key. */
function maskValue(value: string, { key }: Pick<PrivacyMask, 'key'>): string {
  return `${MARK}${createHmac('sha256', key).update(value).digest('hex')}`;
}

/** Masks an address. It is normalized first, so that one telephone number has one mask. */
export function maskAddress(address: string, mask: Pick<PrivacyMask, 'key'>): string {
  return maskValue(normaliseAddress(address), mask);
}

/** Either of `ani` and `dnis` masks every address, because only a later step knows which address is which. */
function masksAddresses({ columns }: Pick<PrivacyMask, 'columns'>): boolean {
  return columns.has('ani') || columns.has('dnis');
}

export interface AddressMatcher {
  /** Whether an address of topics and tables is the wanted one, in any spelling, or its mask. */
  matches(stored: string): boolean;
  /** Once ` .()-` are removed from a matching address, it contains one of these texts. */
  readonly parts: readonly string[];
}

/** @param mask the mask in force. Data from before it is found in clear text */
export function matchAddress(address: string, mask: PrivacyMask | null): AddressMatcher {
  const normal = normaliseAddress(address);
  const isMasked = mask !== null && masksAddresses(mask);
  // Earlier builds masked the address without normalizing it: the second mask.
  const exact = new Set([address, ...(isMasked ? [maskAddress(address, mask), maskValue(address, mask)] : [])]);
  const number = /^\+(\d+)/.exec(normal)?.[1] ?? normal;
  return {
    matches: (stored) => exact.has(stored) || (!stored.startsWith(MARK) && normaliseAddress(stored) === normal),
    parts: [...new Set([number, ...exact].map((text) => text.replace(/[ .()-]/g, '')))],
  };
}

/** Replaces personal values by their masks, before Kafka: equal values stay equal, absent ones absent. */
export function maskEvent(event: ConversationEvent, mask: PrivacyMask): ConversationEvent {
  if (event.gone || mask.columns.size === 0) return event;
  const addresses = masksAddresses(mask);
  const subject = mask.columns.has('subject');
  const masked = (value: string | null): string | null => (value === null ? null : maskAddress(value, mask));
  const maskLeg = (leg: CommunicationSnapshot): CommunicationSnapshot => ({
    ...leg,
    self: addresses ? masked(leg.self) : leg.self,
    other: addresses ? masked(leg.other) : leg.other,
    fromAddress: addresses ? masked(leg.fromAddress) : leg.fromAddress,
    toAddress: addresses ? masked(leg.toAddress) : leg.toAddress,
    callbackNumber: addresses ? masked(leg.callbackNumber) : leg.callbackNumber,
    subject: subject && leg.subject !== null ? maskValue(leg.subject, mask) : leg.subject,
  });
  return {
    ...event,
    participants: event.participants.map((p) => ({ ...p, communications: p.communications.map(maskLeg) })),
  };
}

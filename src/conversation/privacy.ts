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

/** A value under the mask: `hmac-sha256:` and the hex HMAC of it under the key's text. */
export function maskValue(value: string, { key }: Pick<PrivacyMask, 'key'>): string {
  return `${MARK}${createHmac('sha256', key).update(value).digest('hex')}`;
}

/** An address under the mask. Normalised first, so that one telephone number has one mask. */
export function maskAddress(address: string, mask: Pick<PrivacyMask, 'key'>): string {
  return maskValue(normaliseAddress(address), mask);
}

/** `ani` or `dnis` each mask every address, since which is which is known only later. */
export function masksAddresses({ columns }: Pick<PrivacyMask, 'columns'>): boolean {
  return columns.has('ani') || columns.has('dnis');
}

export interface AddressMatcher {
  /** Whether an address, as topics and tables have it, is the wanted one, however it is written, or its mask. */
  matches(stored: string): boolean;
  /** Of a matching address, once ` .()-` are taken away, one of these texts is a part. */
  readonly parts: readonly string[];
}

/** @param mask as it is in force: what came before it is found as it was sent */
export function matchAddress(address: string, mask: PrivacyMask | null): AddressMatcher {
  const normal = normaliseAddress(address);
  const isMasked = mask !== null && masksAddresses(mask);
  // The second is how earlier builds masked.
  const exact = new Set([address, ...(isMasked ? [maskAddress(address, mask), maskValue(address, mask)] : [])]);
  const number = /^\+(\d+)/.exec(normal)?.[1] ?? normal;
  return {
    matches: (stored) => exact.has(stored) || (!stored.startsWith(MARK) && normaliseAddress(stored) === normal),
    parts: [...new Set([number, ...exact].map((text) => text.replace(/[ .()-]/g, '')))],
  };
}

/** Replaces personal values, before Kafka, by their masks: equal values stay equal, absent ones absent. */
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

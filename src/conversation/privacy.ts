import { createHmac } from 'node:crypto';
import type { CommunicationSnapshot, ConversationEvent } from './event';

export type MaskedColumn = 'ani' | 'dnis' | 'subject';

export interface PrivacyMask {
  readonly columns: ReadonlySet<MaskedColumn>;
  /** `PRIVACY_KEY` */
  readonly key: string;
}

/**
 * Replaces personal values, before Kafka, by `hmac-sha256:` and their hex HMAC: equal values stay equal, absent ones
 * absent. `ani` or `dnis` each mask every address, since which is which is known only later.
 */
export function maskEvent(event: ConversationEvent, mask: PrivacyMask): ConversationEvent {
  if (event.gone || mask.columns.size === 0) return event;
  const addresses = mask.columns.has('ani') || mask.columns.has('dnis');
  const subject = mask.columns.has('subject');
  const hmac = (value: string | null): string | null =>
    value === null ? null : `hmac-sha256:${createHmac('sha256', mask.key).update(value).digest('hex')}`;
  const maskLeg = (leg: CommunicationSnapshot): CommunicationSnapshot => ({
    ...leg,
    self: addresses ? hmac(leg.self) : leg.self,
    other: addresses ? hmac(leg.other) : leg.other,
    fromAddress: addresses ? hmac(leg.fromAddress) : leg.fromAddress,
    toAddress: addresses ? hmac(leg.toAddress) : leg.toAddress,
    callbackNumber: addresses ? hmac(leg.callbackNumber) : leg.callbackNumber,
    subject: subject ? hmac(leg.subject) : leg.subject,
  });
  return {
    ...event,
    participants: event.participants.map((p) => ({ ...p, communications: p.communications.map(maskLeg) })),
  };
}

import type { FoldSettings } from './folded';
import type { OpenConversation, Participant } from './state';

export function isTooLarge(open: OpenConversation, settings: FoldSettings): boolean {
  const { limits } = settings;
  const communications = open.participants.reduce((sum, p) => sum + p.communications.length, 0);
  return (
    open.participants.length > limits.participants ||
    communications > limits.communications ||
    (mayExceed(open.participants, open.endedBefore, limits.bytes) && settings.sizeOf(open) > limits.bytes)
  );
}

/** A cheap upper bound, so that only large states need an exact measurement. */
export function mayExceed(participants: readonly Participant[], endedIds: readonly string[], bytes: number): boolean {
  let characters = 0;
  let records = 10 + endedIds.length;
  for (const id of endedIds) characters += id.length;
  for (const p of participants) {
    records += 1 + (p.skills?.length ?? 0) + p.communications.length;
    characters += p.id.length + lengthOf(p.purpose) + lengthOf(p.queueId) + lengthOf(p.userId);
    if (p.skills !== null) for (const skill of p.skills) characters += skill.length;
    for (const leg of p.communications) {
      records += leg.versions.length;
      characters += leg.id.length + leg.medium.length;
      for (const v of leg.versions) {
        characters += lengthOf(v.state) + lengthOf(v.direction) + lengthOf(v.provider) + lengthOf(v.disconnectType);
        characters += lengthOf(v.self) + lengthOf(v.other) + lengthOf(v.fromAddress) + lengthOf(v.toAddress);
        characters += lengthOf(v.callbackNumber) + lengthOf(v.subject) + lengthOf(v.messageType);
        characters += lengthOf(v.afterCallWork?.state ?? null) + lengthOf(v.messages?.messageStatus ?? null);
      }
    }
  }
  // A UTF-16 unit is at most 3 bytes of UTF-8; 200 bytes hold the numbers, lengths and tags of any record.
  return 3 * characters + 200 * records > bytes;
}

function lengthOf(text: string | null): number {
  return text === null ? 0 : text.length;
}

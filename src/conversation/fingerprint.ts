import { hash } from 'node:crypto';
import type { CommunicationSnapshot, ConversationEvent, SnapshotEvent } from './event';

/**
 * 16 bytes that are equal for two snapshots exactly if the snapshots are equal after normalizing (specification,
 * section 3, "Duplicates"), without receive time and source. SHA-256, so that nobody can make two collide.
 */
export function fingerprint(snapshot: SnapshotEvent): Buffer {
  let text = '';
  for (const p of snapshot.participants) {
    text += `P${sized(p.id)}${p.position},${sized(p.purpose)}${sized(p.queueId)}${sized(p.userId)}${p.connectedTime},${p.supervisor}`;
    if (p.consult) text += 'Q';
    if (p.skills !== null) for (const skill of p.skills) text += `S${sized(skill)}`;
    for (const leg of p.communications) text += communicationText(leg);
  }
  return hash('sha256', text, 'buffer').subarray(0, 16);
}

/** Only after masking: a fingerprint shows that values are equal, and must not show the values themselves. */
export function withFingerprint(event: ConversationEvent): ConversationEvent {
  return event.gone ? event : { ...event, fingerprint: fingerprint(event) };
}

function communicationText(leg: CommunicationSnapshot): string {
  let text =
    `C${sized(leg.id)}${sized(leg.medium)}${leg.index},${sized(leg.state)}${sized(leg.direction)}${sized(leg.provider)}` +
    `${sized(leg.disconnectType)}${leg.connectedTime},${leg.disconnectedTime},${sized(leg.self)}${sized(leg.other)}${sized(leg.fromAddress)}${sized(leg.toAddress)}${sized(leg.callbackNumber)}` +
    `${sized(leg.subject)}${sized(leg.messageType)}`;
  // Only if the field has a value: an event without it must equal one from before the field existed.
  if (leg.startAlertingTime !== null) text += `A${leg.startAlertingTime}`;
  const work = leg.afterCallWork;
  if (work !== null) text += `W${sized(work.state)}${work.startTime},${work.endTime}`;
  if (leg.messages !== null) for (const m of leg.messages) text += `M${m.messageTime},${sized(m.messageStatus)}`;
  return text;
}

/** The length in front keeps two different lists of strings from reading the same. */
function sized(value: string | null): string {
  return value === null ? '-' : `${value.length}:${value}`;
}

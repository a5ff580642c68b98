import type { ConversationEvent, SnapshotEvent } from './event';
import { fingerprint } from './fingerprint';
import type { RecentEvent } from './state';

export const DUPLICATE_WITHIN_MS = 10_000;
export const DUPLICATE_WINDOW = 8;

/** The event's places in the window of duplicates: one place, or for a merged event one for each of its parts. */
export function partsOf(event: SnapshotEvent): readonly RecentEvent[] {
  if (event.parts === undefined || event.parts.length === 0) {
    return [{ digest: event.fingerprint ?? fingerprint(event), receivedAt: event.receivedAt }];
  }
  return event.parts.map((part) => ({ digest: part.fingerprint, receivedAt: part.receivedAt }));
}

/** A merged event has no duplicate, because none of its parts was one. */
export function isDuplicate(recent: readonly RecentEvent[], parts: readonly RecentEvent[]): boolean {
  const [event] = parts;
  if (event === undefined || parts.length > 1) return false;
  return recent.some(
    (other) =>
      Math.abs(other.receivedAt - event.receivedAt) <= DUPLICATE_WITHIN_MS && event.digest.equals(other.digest),
  );
}

/** A merged event has the receive time of its first part, but its last part changed the row. */
export function latestReceivedAt(event: ConversationEvent): number {
  const parts = event.gone ? [] : (event.parts ?? []);
  return parts.reduce((latest, part) => Math.max(latest, part.receivedAt), event.receivedAt);
}

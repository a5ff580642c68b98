import type { ConversationEvent, SnapshotEvent } from './event';
import { fingerprint } from './fingerprint';
import type { RecentEvent } from './state';

export const DUPLICATE_WITHIN_MS = 10_000;
export const DUPLICATE_WINDOW = 8;

/** The places that it takes in the window of duplicates: one, or of a merged event those of what went into it. */
export function partsOf(event: SnapshotEvent): readonly RecentEvent[] {
  if (event.parts === undefined || event.parts.length === 0) {
    return [{ digest: event.fingerprint ?? fingerprint(event), receivedAt: event.receivedAt }];
  }
  return event.parts.map((part) => ({ digest: part.fingerprint, receivedAt: part.receivedAt }));
}

/** A merged event has no duplicate: what it is merged from was none. */
export function isDuplicate(recent: readonly RecentEvent[], parts: readonly RecentEvent[]): boolean {
  const [event] = parts;
  if (event === undefined || parts.length > 1) return false;
  return recent.some(
    (other) =>
      Math.abs(other.receivedAt - event.receivedAt) <= DUPLICATE_WITHIN_MS && event.digest.equals(other.digest),
  );
}

/** A merged event stands at the first's time, and has changed the row at the last's. */
export function latestReceivedAt(event: ConversationEvent): number {
  const parts = event.gone ? [] : (event.parts ?? []);
  return parts.reduce((latest, part) => Math.max(latest, part.receivedAt), event.receivedAt);
}

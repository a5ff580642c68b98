import { DUPLICATE_WINDOW, DUPLICATE_WITHIN_MS } from './duplicates';
import type { SnapshotEvent } from './event';
import { fingerprint } from './fingerprint';
import { isPrimary } from './media';
import { saysEnded } from './versions';

/**
 * What the fold will decide about an event that has not reached it yet: `duplicate` of one of the last ones
 * (specification, section 3), so it changes nothing; `new`; or `doubtful`: one of the two. Only certainly new events
 * may be merged with others, and only certain duplicates may be left out.
 */
export type Novelty = 'new' | 'duplicate' | 'doubtful';

export interface RecentEvents {
  /** Judges the event, and remembers it. */
  look(event: SnapshotEvent): Novelty;
  gone(conversationId: string): void;
}

interface Recent {
  readonly digest: string;
  readonly receivedAt: number;
  readonly doubtful: boolean;
}

interface Window {
  readonly events: Recent[];
  latest: number;
  /** The conversation has ended, and may have been re-opened, so the start of the fold's window is not known here. */
  ended: boolean;
}

/**
 * Longer than the time within which events are duplicates, because receive times may run back: answers carry the time
 * of the request.
 */
const KEEP_MS = 60_000;
/** More than the fold keeps, because the fold's window does not count events that it found to be duplicates. */
const KEEP_EVENTS = 2 * DUPLICATE_WINDOW;

export function createRecentEvents(): RecentEvents {
  /** Two generations: old entries go without a search. */
  let current = new Map<string, Window>();
  let previous = new Map<string, Window>();
  let since = Number.NEGATIVE_INFINITY;

  const windowOf = (id: string, receivedAt: number): Window => {
    if (receivedAt - since > KEEP_MS) {
      previous = current;
      current = new Map();
      since = receivedAt;
    }
    const known = current.get(id) ?? previous.get(id);
    const isOver = known === undefined || receivedAt - known.latest > KEEP_MS;
    const window = isOver ? { events: [], latest: receivedAt, ended: false } : known;
    current.set(id, window);
    window.latest = Math.max(window.latest, receivedAt);
    return window;
  };

  return {
    look: (event) => {
      const { receivedAt } = event;
      const window = windowOf(event.conversationId, receivedAt);
      window.ended ||= saysAllEnded(event);
      const digest = (event.fingerprint ?? fingerprint(event)).toString('latin1');
      const { events } = window;
      const judged = window.ended ? events.length : events.length - DUPLICATE_WINDOW;
      let doubtful = false;
      for (let at = events.length - 1; at >= 0; at--) {
        const other = events[at] as Recent;
        if (other.digest !== digest || Math.abs(other.receivedAt - receivedAt) > DUPLICATE_WITHIN_MS) continue;
        if (at >= judged && !other.doubtful) return 'duplicate';
        doubtful = true;
      }
      events.push({ digest, receivedAt, doubtful });
      if (events.length > KEEP_EVENTS) events.shift();
      return doubtful ? 'doubtful' : 'new';
    },
    gone: (conversationId) => {
      const window = current.get(conversationId) ?? previous.get(conversationId);
      if (window !== undefined) window.ended = true;
    },
  };
}

function saysAllEnded({ participants }: SnapshotEvent): boolean {
  const hasPrimary = participants.some((p) => p.communications.some(({ medium }) => isPrimary(medium)));
  return participants.every(
    ({ supervisor, communications }) =>
      supervisor || communications.every((leg) => (hasPrimary && !isPrimary(leg.medium)) || saysEnded(leg)),
  );
}

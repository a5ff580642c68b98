import type { ActiveConversation, Activity, Phase } from './activity';
import type { Work } from './reconciliation-work';

/** A row of the table, from the compacted topic. */
export interface LiveRow {
  readonly conversationId: string;
  readonly queueId: string;
  readonly mediaType: string | null;
  /** The latest session. */
  readonly sessionId: string | null;
  readonly waiting: boolean;
  /** The phase that the row shows; null: another one, such as a voicemail or a parked e-mail. */
  readonly phase: Phase | null;
  /** After-call work is pending. The row may then stay although Genesys's queues no longer have the conversation. */
  readonly afterCallWork: boolean;
  /**
   * Epoch ms: the receive time of the last event that changed the row. If this bridge read the row earlier than that,
   * it is the time of the reading, because the clock of the receiver may be ahead of ours.
   */
  readonly updatedAt: number;
  /** True: the clock of the receiver was ahead of ours. */
  readonly isAhead?: boolean;
  /** True: the row equals an earlier version of itself again. */
  readonly isBack?: boolean;
}

export interface ComparisonTimings {
  /** A change within this time may still be on its way. */
  readonly graceMs: number;
  /** The bridge requests a row that was silent for this long. */
  readonly silentVoiceMs: number;
  readonly silentDigitalMs: number;
}

export interface Comparison {
  readonly now: number;
  readonly timings: ComparisonTimings;
  readonly rows: Iterable<LiveRow>;
  hasRow(conversationId: string): boolean;
  /** Null: Genesys did not give it. */
  readonly activity: Activity | null;
  /** Queues that nobody listened to, and until when. */
  readonly gaps: ReadonlyMap<string, number>;
  /**
   * Queues whose gap the bridge compared a moment ago, and until when the gap was. The table may have lacked records
   * then.
   */
  readonly lookedAt: ReadonlyMap<string, number>;
  /** Queues that this bridge listens to. */
  isWatched(queueId: string): boolean;
  /** Queues whose silent rows this bridge checks, whether it listens to them or not. */
  isOwn(queueId: string): boolean;
  /** When the last notification of the conversation came, epoch ms; 0: none yet. */
  heardAt(conversationId: string): number;
  /** When the bridge last requested the conversation, and what the conversation did then. */
  asked(conversationId: string): { readonly at: number; readonly activity: string } | null;
}

/** What a conversation does, as a text that can be compared. */
export const activityWord = (active: ActiveConversation | undefined): string =>
  active === undefined ? '' : [...active.phases, ...active.sessionIds].sort().join(' ');

/**
 * Returns the conversations that the bridge has to request: live here and not at Genesys, live at Genesys and not here,
 * with another activity there than here, or silent for too long. After a gap these are all conversations of its queues,
 * and those that look the same are only confirmed. The longest unseen come first.
 */
export function compareWithActivity(comparison: Comparison): readonly Work[] {
  const { now, timings, activity, gaps, hasRow } = comparison;
  const work: Work[] = [];
  for (const row of [...comparison.rows].sort((a, b) => a.updatedAt - b.updatedAt)) {
    const one = workFor(row, comparison);
    if (one !== null) work.push(one);
  }
  for (const [conversationId, active] of activity?.conversations ?? []) {
    if (hasRow(conversationId)) continue;
    const isFresh = now - comparison.heardAt(conversationId) < timings.graceMs;
    // Some conversations that Genesys counts have no row. One request is enough while the conversation does not change.
    const isKnown = gaps.size === 0 && comparison.asked(conversationId)?.activity === activityWord(active);
    if (isFresh || isKnown) continue;
    const importance = active.phases.has('waiting') ? 'waiting' : 'changed';
    work.push({ conversationId, importance, ask: 'whole', since: now, notBefore: 0 });
  }
  return work;
}

function workFor(row: LiveRow, { activity, gaps, lookedAt, now, timings, ...known }: Comparison): Work | null {
  const { conversationId, queueId } = row;
  const active = activity?.conversations.get(conversationId);
  const isListed = activity !== null && known.isWatched(queueId) && !activity.truncated.has(queueId);
  const isAbsent = isListed && active === undefined && !row.afterCallWork;
  const isDifferent = active !== undefined && !looksTheSame(row, active);
  const importance = row.waiting ? 'waiting' : 'changed';
  // A conversation in after-call work has no live leg, and analytics may take that for an end.
  const askEnd = row.afterCallWork ? 'whole' : 'end';

  const gapUntil = gaps.get(queueId);
  if (gapUntil !== undefined) {
    const gap = { conversationId, since: gapUntil, notBefore: 0 };
    if (isAbsent) return { ...gap, importance, ask: 'end' };
    return { ...gap, importance: isDifferent || active === undefined ? importance : 'confirm', ask: 'whole' };
  }
  const asked = known.asked(conversationId);
  const lastAt = Math.max(row.updatedAt, known.heardAt(conversationId), asked?.at ?? 0);
  const quietMs = now - lastAt;
  const lookedUntil = lookedAt.get(queueId) ?? 0;
  const isLate = lastAt < lookedUntil;
  const isSettled = isLate || quietMs >= timings.graceMs;
  const silent = { conversationId, since: isLate ? lookedUntil : now, notBefore: 0 };
  const isKnown = asked?.activity === activityWord(active);
  if (isAbsent && isSettled) {
    return { ...silent, importance: isKnown ? 'silent' : importance, ask: 'end' };
  }
  if (isDifferent && isSettled && !isKnown) return { ...silent, importance, ask: 'whole' };
  const limitMs = row.mediaType === 'Voice' ? timings.silentVoiceMs : timings.silentDigitalMs;
  if (known.isOwn(queueId) && quietMs >= limitMs) return { ...silent, importance: 'silent', ask: askEnd };
  return null;
}

/** Whether a queue's activity shows the same phase with the same session. */
function looksTheSame({ phase, waiting, sessionId }: LiveRow, { phases, sessionIds }: ActiveConversation): boolean {
  if (waiting !== phases.has('waiting')) return false;
  if (phase !== null && !phases.has(phase)) return false;
  return phase === null || sessionIds.size === 0 || (sessionId !== null && sessionIds.has(sessionId));
}

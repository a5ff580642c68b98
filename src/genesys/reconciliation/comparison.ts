import type { ActiveConversation, Activity, Phase } from './activity';
import type { Work } from './reconciliation-work';

/** A row of the table, as the compacted topic has it. */
export interface LiveRow {
  readonly conversationId: string;
  readonly queueId: string;
  readonly mediaType: string | null;
  /** The latest session. */
  readonly sessionId: string | null;
  readonly waiting: boolean;
  /** What the row shows of it; null: neither of these, such as a voicemail or a parked e-mail. */
  readonly phase: Phase | null;
  /** After-call work is pending: the row may stay though Genesys's queues know nothing of it any more. */
  readonly afterCallWork: boolean;
  /**
   * Epoch ms: the receive time of the last event that changed it, or when the row was read here if that was earlier: the
   * clock of who received the event may be ahead of ours.
   */
  readonly updatedAt: number;
  /** True: it was. */
  readonly isAhead?: boolean;
  /** True: it is again what it had been before. */
  readonly isBack?: boolean;
}

export interface ComparisonTimings {
  /** What has changed since so little time may only not have arrived yet. */
  readonly graceMs: number;
  /** A row that was silent so long is asked for. */
  readonly silentVoiceMs: number;
  readonly silentDigitalMs: number;
}

export interface Comparison {
  readonly now: number;
  readonly timings: ComparisonTimings;
  readonly rows: Iterable<LiveRow>;
  hasRow(conversationId: string): boolean;
  /** Null: Genesys could not be asked. */
  readonly activity: Activity | null;
  /** Queues that nobody listened to, until when. */
  readonly gaps: ReadonlyMap<string, number>;
  /** Queues whose gap was looked at a moment ago, and until when it was one: the table may not have had all of it then. */
  readonly lookedAt: ReadonlyMap<string, number>;
  /** Queues that this bridge listens to. */
  isWatched(queueId: string): boolean;
  /** Queues of which this bridge has to care for silent rows, listened to or not. */
  isOwn(queueId: string): boolean;
  /** When a notification of it came last, epoch ms; 0: none yet. */
  heardAt(conversationId: string): number;
  /** When Genesys was asked for it last and what it did then. */
  asked(conversationId: string): { readonly at: number; readonly activity: string } | null;
}

/** What a conversation does, in a word that can be compared. */
export const activityWord = (active: ActiveConversation | undefined): string =>
  active === undefined ? '' : [...active.phases, ...active.sessionIds].sort().join(' ');

/**
 * Of which conversations Genesys is to be asked: those that are live here and not there, there and not here, those that
 * do something else there than here, those that were silent too long; and after a gap all of its queues, where those
 * that look the same only are to be confirmed. The longest unseen come first.
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
    // Not everything that Genesys counts has a row: what was asked for, and has not changed since, needs no second time.
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
  // Whoever is in after-call work has no live leg, which analytics may take for an end.
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

/** As far as a queue's activity tells: the same phase with the same session. */
function looksTheSame({ phase, waiting, sessionId }: LiveRow, { phases, sessionIds }: ActiveConversation): boolean {
  if (waiting !== phases.has('waiting')) return false;
  if (phase !== null && !phases.has(phase)) return false;
  return phase === null || sessionIds.size === 0 || (sessionId !== null && sessionIds.has(sessionId));
}

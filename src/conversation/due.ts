import { close } from './advance';
import { counted } from './counted';
import { ERASED_FOR_MS } from './erase';
import type { Folded, FoldSettings } from './folded';
import { workDeadline } from './lifecycle';
import type { ConversationState, StateHead } from './state';

/** The fold forgets a conversation without row and without end this long after its last event. */
const FORGET_AFTER_MS = 7 * 24 * 60 * 60_000;

/**
 * The receive time after which (not at which) something is due although the conversation itself has no event: the fold
 * closes a row past its deadline, or forgets a marker or a conversation that was never queued. Null: nothing.
 * @param whole the state of this head; called only if its row waits for after-call work
 */
export function dueAfter(head: StateHead, settings: FoldSettings, whole: () => ConversationState): number | null {
  if (head.kind === 'ended') return head.endedAt + (head.erased ? ERASED_FOR_MS : 2 * settings.endedRetentionMs);
  if (head.row === null) return head.lastReceivedAt + FORGET_AFTER_MS;
  return head.endedAt === null ? null : rowDeadline(whole(), settings);
}

/** The deadline of a row that waits for after-call work; null for any other state. */
export function rowDeadline(state: ConversationState, settings: FoldSettings): number | null {
  if (state.kind === 'ended' || state.row === null || state.endedAt === null) return null;
  return workDeadline(counted(state.participants), state.endedAt, settings.acwTimeoutMs);
}

/** Does the work that is due: closes the row with its deadline as time, or forgets the conversation. */
export function whenDue(conversationId: string, state: ConversationState, settings: FoldSettings): Folded {
  const deadline = rowDeadline(state, settings);
  if (deadline === null || state.kind === 'ended' || state.row === null) {
    return { state: null, records: [], outcome: 'folded' };
  }
  return close({ ...state, row: state.row }, conversationId, deadline, null);
}

import type { GoneEvent } from './event';
import type { ConversationState, EndedConversation } from './state';

/** An erased conversation is remembered so long, by its id alone, so that nothing that is said of it brings it back. */
export const ERASED_FOR_MS = 30 * 24 * 60 * 60_000;

/** What is left of an erased conversation: whatever was known of it is gone. */
export function erasedState({ receivedAt }: GoneEvent): EndedConversation {
  return { kind: 'ended', endedAt: receivedAt, communicationIds: [], erased: true };
}

/** Erased, and not so long ago that it may be a conversation like any other again. */
export function isErased(state: ConversationState | null, now: number): boolean {
  return state?.kind === 'ended' && state.erased && now <= state.endedAt + ERASED_FOR_MS;
}

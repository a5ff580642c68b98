import type { GoneEvent } from './event';
import type { ConversationState, EndedConversation } from './state';

/** How long the fold remembers an erased conversation, by its id alone, so that no later event brings it back. */
export const ERASED_FOR_MS = 30 * 24 * 60 * 60_000;

/** The remains of an erased conversation: everything known of it is gone. */
export function erasedState({ receivedAt }: GoneEvent): EndedConversation {
  return { kind: 'ended', endedAt: receivedAt, communicationIds: [], erased: true };
}

/** Whether it was erased so recently that it may not yet be a conversation like any other again. */
export function isErased(state: ConversationState | null, now: number): boolean {
  return state?.kind === 'ended' && state.erased && now <= state.endedAt + ERASED_FOR_MS;
}

import { z } from 'zod';
import { GenesysError } from '../errors';
import type { Rest } from './rest';

export type ConversationAnswer =
  /** The conversation as JSON, from REST. */
  { readonly kind: 'snapshot'; readonly body: string } | { readonly kind: 'gone' };

/** Genesys's ids are UUIDs of 36 characters. */
const LONGEST_ID = 200;

/**
 * Whether an id may be part of a request's path. An id of dots alone leads to another path (`/conversations/..`, also
 * when percent-encoded). Malformed text cannot be encoded. And Genesys has no ids longer than this.
 */
export function isAskable(id: string): boolean {
  return id !== '' && id.length <= LONGEST_ID && !/^\.+$/.test(id) && id.isWellFormed();
}

const ROUTE = '/api/v2/conversations/{conversationId}';
const NOT_FOUND = 404;

/**
 * Asks for one conversation (permission conversation:communication:view).
 * @throws GenesysError for anything but a conversation and Genesys's own 404 (a proxy's has no code): no answer is no end
 */
export async function getConversation(
  rest: Rest,
  id: string,
  onAttempt: (sentAt: number) => void,
): Promise<ConversationAnswer> {
  try {
    const body = await rest.send({
      method: 'GET',
      path: `/api/v2/conversations/${encodeURIComponent(id)}`,
      route: ROUTE,
      urgency: 'background',
      onAttempt,
      answer: z.looseObject({ id: z.literal(id) }),
    });
    return { kind: 'snapshot', body: JSON.stringify(body) };
  } catch (error) {
    const isGone = error instanceof GenesysError && error.facts.status === NOT_FOUND && error.facts.code !== null;
    if (!isGone) throw error;
    return { kind: 'gone' };
  }
}

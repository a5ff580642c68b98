import { z } from 'zod';
import { GenesysError } from './errors';
import type { Rest } from './rest';

export type ConversationAnswer =
  /** The conversation as REST tells it, JSON. */
  { readonly kind: 'snapshot'; readonly body: string } | { readonly kind: 'gone' };

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

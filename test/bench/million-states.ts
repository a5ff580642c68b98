import {
  type ConversationEvent,
  type ConversationState,
  createPartitionFold,
  type FoldSettings,
} from '../../src/conversation';
import { benchEvents } from './events';

/** A live conversation in the middle of its life. */
export interface Template {
  readonly state: ConversationState;
  /** Its state after `next`. */
  readonly later: ConversationState;
  readonly next: ConversationEvent;
  /** The event after that. */
  readonly then: ConversationEvent;
}

const TEMPLATES = 1_000;
const EVENTS = 60_000;
/** Shorter lives are not typical. */
const LEAST_EVENTS = 6;

/** Each has other content. A million conversations are copies of them under different ids. */
export function templatesOf(settings: FoldSettings): readonly Template[] {
  const lives = new Map<string, ConversationEvent[]>();
  for (const { event } of benchEvents({ events: EVENTS, live: TEMPLATES })) {
    const life = lives.get(event.conversationId);
    if (life === undefined) lives.set(event.conversationId, [event]);
    else life.push(event);
  }
  const found: Template[] = [];
  for (const life of lives.values()) {
    if (life.length >= LEAST_EVENTS) found.push(...templateOf(life, settings));
    if (found.length === TEMPLATES) return found;
  }
  throw new Error(`only ${found.length} of ${TEMPLATES} conversations are live in the middle of their events`);
}

function templateOf(life: readonly ConversationEvent[], settings: FoldSettings): Template[] {
  const half = Math.floor(life.length / 2);
  const [next, then] = life.slice(half);
  if (next === undefined || then === undefined) return [];
  const fold = createPartitionFold(settings);
  for (const event of life.slice(0, half)) fold.apply(event);
  const state = fold.takeChanges().get(next.conversationId) ?? null;
  if (state === null || fold.live === 0) return [];
  fold.apply(next);
  const later = fold.takeChanges().get(next.conversationId) ?? state;
  return fold.live === 0 ? [] : [{ state, later, next, then }];
}

import { activityOf, type ActiveSession } from './activity';
import type { BehaviourCounts } from './behaviours';
import type { Conversation } from './model';
import { createRandom } from './random';
import type { Json } from './render';
import { renderRestConversation } from './render-rest';
import type { Named, Queue } from './roster';
import { createRoster } from './roster';
import { type Emission, RunningConversations, type OrganisationOptions } from './running-conversations';
import type { Truth, TruthRow } from './truth';
import { truthOf } from './truth';
import { visitsOf, type TruthVisit } from './visit-truth';

export type { Emission, OrganisationOptions };

/** The fate of the conversations in a removed queue. */
export type AfterRemoval = 'go-on' | 'disconnect';

/** A contact center on virtual time: each step is one change of one conversation. */
export interface Organisation {
  /** A live list: queues come and go. */
  readonly queues: readonly Queue[];
  readonly users: readonly Named[];
  readonly skills: readonly Named[];
  hasQueue(id: string): boolean;
  addQueue(name: string): Queue;
  /** Null: there is no such queue. */
  renameQueue(id: string, name: string): Queue | null;
  /**
   * Removes the queue from all lists, and sends nothing more on its topic. False: there is no such queue.
   * @throws RangeError for the last queue
   */
  removeQueue(id: string, conversations: AfterRemoval): boolean;
  /**
   * From now on the conversation is like one that ended long ago: nothing more is sent about it, and REST does not know
   * it.
   */
  forget(conversationId: string): void;
  /** When the next step is due, in virtual epoch milliseconds; null: there are no more steps. */
  nextAt(): number | null;
  /** Takes the next step. Returns its notifications, one for each queue topic that carries the conversation. */
  step(): readonly Emission[];
  truth(): Truth;
  truthOf(conversationId: string): TruthRow | null;
  /** The visits of a conversation that REST still knows; none of any other. */
  visitsOf(conversationId: string): readonly TruthVisit[];
  /** The sessions that analytics counts in the queues now. */
  activity(): readonly ActiveSession[];
  /** All conversations that REST still knows. */
  conversations(): readonly Conversation[];
  /** Null: gone. */
  conversation(id: string): Conversation | null;
  /** The answer of REST; null: gone. */
  restConversation(conversationId: string): Json | null;
  behaviours(): BehaviourCounts;
}

export function createOrganisation(options: OrganisationOptions): Organisation {
  const random = createRandom(options.seed);
  const roster = createRoster(random, options);
  const running = new RunningConversations(options, roster, random);

  return {
    queues: roster.queues,
    users: roster.users,
    skills: roster.skills,
    hasQueue: roster.hasQueue,
    addQueue: roster.addQueue,
    renameQueue: roster.renameQueue,
    removeQueue: (id, conversations) => {
      if (!roster.removeQueue(id)) return false;
      if (conversations === 'disconnect') running.disconnectFrom(id);
      return true;
    },
    forget: (conversationId) => running.forget(conversationId),
    nextAt: () => running.nextAt(),
    step: () => running.step(),
    truth: () => ({
      events: running.events,
      conversations: running
        .conversations()
        .flatMap((conversation) => truthOf(conversation) ?? [])
        .toSorted((one, other) => (one.conversation_id < other.conversation_id ? -1 : 1)),
    }),
    truthOf: (conversationId) => {
      const conversation = running.conversation(conversationId);
      return conversation && truthOf(conversation);
    },
    visitsOf: (conversationId) => {
      const conversation = running.conversation(conversationId);
      return conversation === null ? [] : visitsOf(conversation);
    },
    activity: () => running.conversations().flatMap(activityOf),
    conversations: () => running.conversations(),
    conversation: (id) => running.conversation(id),
    restConversation: (conversationId) => {
      const conversation = running.conversation(conversationId);
      return conversation && renderRestConversation(conversation, roster.queueName);
    },
    behaviours: () => running.behaviours(),
  };
}

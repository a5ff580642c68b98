import type { BehaviourCounts } from './behaviours';
import type { OrganisationOptions } from './organisation';
import { createOrganisation } from './organisation';
import type { NotificationFrame } from './render';
import type { Queue } from './roster';
import type { Truth, TruthRow } from './truth';
import type { TruthVisit } from './visit-truth';

export interface GeneratorOptions extends OrganisationOptions {
  /** The total number of conversations. */
  readonly conversations: number;
  /** Virtual milliseconds between heartbeats among the events; 0: none. Default 30 s, as in Genesys. */
  readonly heartbeatMs?: number;
}

export interface GeneratedEvent {
  /** The time of sending, in virtual epoch milliseconds; it never goes back. */
  readonly at: number;
  /** Counts notifications, but not control frames. */
  readonly sequence: number;
  /** Null: a control frame. */
  readonly conversationId: string | null;
  /** Treat it as read-only: frames share their unchanged parts. */
  readonly frame: NotificationFrame;
}

export interface EventStream extends Iterable<GeneratedEvent> {
  readonly queues: readonly Queue[];
  /** The table's true content after the events taken so far. */
  truth(): Truth;
  /** The same for one conversation; null: no row. */
  truthOf(conversationId: string): TruthRow | null;
  /** The true visits of the conversation so far. */
  visitsOf(conversationId: string): readonly TruthVisit[];
  behaviours(): BehaviourCounts;
}

const HEARTBEAT: NotificationFrame = {
  topicName: 'channel.metadata',
  eventBody: { message: 'WebSocket Heartbeat' },
};

/**
 * A contact center's notifications, without sockets and without waiting: in order, decided by its options alone, for
 * one iteration. Nothing happens before the next event is taken, so the truth always matches the last one.
 */
export function generateEvents(options: GeneratorOptions): EventStream {
  // Only REST answers need ended conversations.
  const organisation = createOrganisation({ forgetAfterMs: 0, ...options });
  const { heartbeatMs = 30_000 } = options;

  function* events(): Generator<GeneratedEvent, void, undefined> {
    let sequence = 0;
    let heartbeatAt = heartbeatMs > 0 ? (organisation.nextAt() ?? 0) + heartbeatMs : Infinity;
    for (let at = organisation.nextAt(); at !== null; at = organisation.nextAt()) {
      for (; heartbeatAt <= at; heartbeatAt += heartbeatMs) {
        yield { at: heartbeatAt, sequence, conversationId: null, frame: HEARTBEAT };
      }
      for (const emission of organisation.step()) {
        ({ sequence } = emission);
        yield emission;
      }
    }
  }

  const stream = events();
  return {
    [Symbol.iterator]: () => stream,
    queues: organisation.queues,
    truth: organisation.truth,
    truthOf: organisation.truthOf,
    visitsOf: organisation.visitsOf,
    behaviours: organisation.behaviours,
  };
}

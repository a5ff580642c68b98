import type { BehaviourCounts } from './behaviours';
import type { OrganisationOptions } from './organisation';
import { createOrganisation } from './organisation';
import type { NotificationFrame } from './render';
import type { Queue } from './roster';
import type { Truth, TruthRow } from './truth';
import type { TruthVisit } from './visit-truth';

export interface GeneratorOptions extends OrganisationOptions {
  /** How many conversations there are in all. */
  readonly conversations: number;
  /** Virtual milliseconds between heartbeats among the events; 0: none. Default 30 s, as Genesys sends them. */
  readonly heartbeatMs?: number;
}

export interface GeneratedEvent {
  /** Virtual epoch milliseconds at which it is sent; never goes back. */
  readonly at: number;
  /** Counts the notifications, control frames not. */
  readonly sequence: number;
  /** Null: a control frame. */
  readonly conversationId: string | null;
  /** To be treated as read-only: frames share their unchanged parts. */
  readonly frame: NotificationFrame;
}

export interface EventStream extends Iterable<GeneratedEvent> {
  readonly queues: readonly Queue[];
  /** What the table must say after the events that were taken so far. */
  truth(): Truth;
  /** The same of one conversation; null: no row. */
  truthOf(conversationId: string): TruthRow | null;
  /** What became of its visits to queues so far. */
  visitsOf(conversationId: string): readonly TruthVisit[];
  behaviours(): BehaviourCounts;
}

const HEARTBEAT: NotificationFrame = {
  topicName: 'channel.metadata',
  eventBody: { message: 'WebSocket Heartbeat' },
};

/**
 * A contact centre's notifications without sockets and without waiting: deterministic by its options, in order, to be
 * iterated once. Nothing happens ahead of the event that was taken last, so the truth always belongs to it.
 */
export function generateEvents(options: GeneratorOptions): EventStream {
  // What has ended is needed for REST answers only.
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

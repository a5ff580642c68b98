import { randomUUID } from 'node:crypto';
import { newTraceparent } from '../../src/common';
import { type ConversationEvent, readWire, withFingerprint } from '../../src/conversation';
import { cloudEventHeaders, type Headers } from '../../src/log';
import { generateEvents } from '../../src/simulator';

export interface EventsOptions {
  readonly events: number;
  readonly live: number;
}

export interface BenchEvent {
  readonly event: ConversationEvent;
  /** The size of the notification as JSON; null: not measured. */
  readonly jsonBytes: number | null;
}

/**
 * Each simulated conversation is played this many times, under different ids, because rendering full bodies is slow.
 */
const COPIES = 4;
/** A simulated conversation has notifications for about this long. */
const MEAN_LIFE_SECONDS = 118;
const SIZE_EVERY = 200;

/** A busy day's notifications in the form of the events topic: normalized and minimized, many conversations at once. */
export function* benchEvents({ events, live }: EventsOptions): Generator<BenchEvent, void, undefined> {
  const stream = generateEvents({
    seed: 1,
    conversations: Number.MAX_SAFE_INTEGER,
    conversationsPerSecond: live / COPIES / MEAN_LIFE_SECONDS,
    queues: 50,
    agents: 3_000,
    heartbeatMs: 0,
  });
  let count = 0;
  for (const { frame, at, sequence } of stream) {
    const outcome = readWire(frame, at);
    if (outcome.kind !== 'event') continue;
    const event = withFingerprint(outcome.event);
    const measured = sequence % SIZE_EVERY === 0;
    for (let copy = 0; copy < COPIES; copy++) {
      if (count++ >= events) return;
      const jsonBytes = measured && copy === 0 ? Buffer.byteLength(JSON.stringify(frame)) : null;
      yield { event: copied(event, copy), jsonBytes };
    }
  }
}

function copied(event: ConversationEvent, copy: number): ConversationEvent {
  return { ...event, conversationId: `${copy}${event.conversationId.slice(1)}` };
}

/** As the bridge makes them. */
export function headersOf({ receivedAt }: ConversationEvent): Headers {
  return cloudEventHeaders({
    id: randomUUID(),
    source: 'queuefold/bridge',
    type: 'queuefold.conversation.event',
    time: receivedAt,
    traceparent: newTraceparent(),
  });
}

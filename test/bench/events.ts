import { type ConversationEvent, readWire, withFingerprint } from '../../src/conversation';
import { generateEvents } from '../../src/simulator';

export interface EventsOptions {
  readonly events: number;
  readonly live: number;
}

export interface BenchEvent {
  readonly event: ConversationEvent;
  /** Of the notification as JSON; null: not measured. */
  readonly jsonBytes: number | null;
}

/** One simulated conversation is played so often, under different ids: rendering full bodies is slow. */
const COPIES = 4;
/** A simulated conversation has notifications for about so long. */
const MEAN_LIFE_SECONDS = 118;
const SIZE_EVERY = 200;

/** Notifications of a busy day as they reach the events topic: normalised and minimised, many conversations at once. */
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

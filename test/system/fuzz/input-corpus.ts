import { wireConversation } from '../../../src/conversation';
import { generateEvents } from '../../../src/simulator';
import { readLine } from '../../support/conversation/read-line';
import type { Random } from '../../support/processes/random';

/** What Genesys sends on a socket. */
export interface Frame {
  readonly text: string;
  /** The same, parsed. */
  readonly value: unknown;
}

export interface Corpus {
  draw(random: Random): Frame;
}

const CONVERSATIONS = 60;
/** One draw in so many is a frame with everything that Genesys adds to it. */
const WHOLE_EVERY = 16;

const HEARTBEAT = { topicName: 'channel.metadata', eventBody: { message: 'WebSocket Heartbeat' } };

/**
 * Frames of simulated conversations. Most have only what the table uses: nine tenths of a whole frame are never read, so a
 * mutation of it would mostly change nothing.
 */
export function createCorpus(seed: number): Corpus {
  // With heartbeats there would be little else where the conversations of a seed are far apart.
  const options = { seed, conversations: CONVERSATIONS, heartbeatMs: 0 };
  const frames = [...generateEvents(options)].map(({ frame }) => frame);
  const whole = [...frames, HEARTBEAT].map(frameOf);
  const lean = frames.map((frame) => frameOf(withoutTheUnused(frame)));
  return {
    draw: (random) => {
      if (random.below(WHOLE_EVERY) === 0) return oneOf(whole, random);
      // A long frame has the parts of a short one, only more of them.
      const [one, other] = [oneOf(lean, random), oneOf(lean, random)];
      return one.text.length < other.text.length ? one : other;
    },
  };
}

function oneOf(frames: readonly Frame[], random: Random): Frame {
  const frame = frames[random.below(frames.length)];
  if (frame === undefined) throw new Error('the corpus is empty');
  return frame;
}

function frameOf(value: unknown): Frame {
  return { text: JSON.stringify(value), value };
}

function withoutTheUnused(frame: object): object {
  const read = readLine(Buffer.from(JSON.stringify(frame)), 0);
  if (read?.kind !== 'event' || read.event.gone) return frame;
  return { ...frame, eventBody: wireConversation(read.event) };
}

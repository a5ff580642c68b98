/**
 * Recognizes the frames that the channel handles itself; null: an event, or a frame that only the normalizer can judge.
 */
export type ControlFrame = 'heartbeat' | 'pong' | 'closing' | 'gone' | 'result' | null;

/**
 * Bytes. Control frames are short. A longer frame is not parsed here, which matters at thousands of frames a second.
 */
const LONGEST_CONTROL_FRAME = 1_024;

export function controlFrame(bytes: Buffer): ControlFrame {
  if (bytes.length > LONGEST_CONTROL_FRAME) return null;
  const frame = parse(bytes.toString('utf8'));
  if (frame === null) return null;
  const { topicName, result, eventBody } = frame;
  if (topicName === 'channel.metadata') {
    const message =
      typeof eventBody === 'object' && eventBody !== null && 'message' in eventBody ? eventBody.message : null;
    return message === 'pong' ? 'pong' : 'heartbeat';
  }
  if (topicName === 'v2.system.socket_closing') return 'closing';
  if (result === undefined || frame['id'] !== undefined || frame['participants'] !== undefined) return null;
  return result === '404' || result === 404 ? 'gone' : 'result';
}

interface Frame extends Readonly<Record<string, unknown>> {
  readonly topicName?: unknown;
  readonly result?: unknown;
  readonly eventBody?: unknown;
}

function parse(text: string): Frame | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Frame) : null;
  } catch {
    return null;
  }
}

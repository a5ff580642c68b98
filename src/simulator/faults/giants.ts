import type { Random } from '../random';

const MIB = 1024 * 1024;
const FRAME_BYTES = 16 * MIB;
const PARTICIPANTS = 10_000;
const DEPTH = 50_000;

/**
 * Frames of valid JSON that no client expects. Each is of a conversation of its own in which everybody has hung up, so
 * that it belongs in no table, whether a client reads it or refuses it.
 */
export const GIANTS: readonly ((topic: string, random: Random) => string)[] = [
  (topic, random) => frameOf(topic, random, [endedParticipant(random)], JSON.stringify('x'.repeat(FRAME_BYTES))),
  (topic, random) =>
    frameOf(
      topic,
      random,
      Array.from({ length: PARTICIPANTS }, () => endedParticipant(random)),
      '""',
    ),
  (topic, random) =>
    frameOf(topic, random, [endedParticipant(random)], `${'[{"a":'.repeat(DEPTH)}null${'}]'.repeat(DEPTH)}`),
];

const ENDED_AT = '2026-03-02T09:00:00.000Z';

function endedParticipant(random: Random): string {
  const call = { id: random.uuid(), state: 'terminated', disconnectType: 'client', disconnectedTime: ENDED_AT };
  return JSON.stringify({ id: random.uuid(), purpose: 'customer', endTime: ENDED_AT, calls: [call] });
}

/** As text: JSON.stringify cannot write very deep nesting, although JSON.parse can read it. */
function frameOf(topic: string, random: Random, participants: readonly string[], filling: string): string {
  const body = `{"id":"${random.uuid()}","participants":[${participants.join(',')}],"additionalProperties":${filling}}`;
  return `{"topicName":"${topic}","version":"2","eventBody":${body},"metadata":{"CorrelationId":"${random.uuid()}"}}`;
}

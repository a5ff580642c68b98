/**
 * Visits to queues as they really are, a few milliseconds apart: somebody enters, is offered, answers, gives up or is
 * handed on. Snapshots tell the same at random moments, some late, some twice.
 */
import fc from 'fast-check';
import { ORIGIN } from './conversation-arbitraries';

type Json = Readonly<Record<string, unknown>>;

const iso = (time: number): string => new Date(ORIGIN + time).toISOString();
/** Around the moment of a handover: within the tolerance, at its edges and beyond. */
const jitter = fc.constantFrom(0, 0, 1, -51, 20, 999, 1_000, 1_001, -999, -1_000, -1_001, 1_500);
const perhaps = <T>(value: fc.Arbitrary<T>, weight = 3): fc.Arbitrary<T | null> =>
  fc.oneof({ weight, arbitrary: value }, { weight: 1, arbitrary: fc.constant(null) });

const leg = fc.record({
  medium: fc.constantFrom('calls', 'calls', 'calls', 'calls', 'callbacks'),
  begins: jitter,
  ends: jitter,
  alerting: perhaps(jitter, 1),
  connects: fc.boolean(),
  isLive: fc.constantFrom(true, false, false, false),
  endsWithTime: fc.constantFrom(true, true, true, true, false),
});

const party = fc.record({
  purpose: fc.constantFrom('acd', 'acd', 'acd', 'agent', 'agent', 'agent', 'user', 'voicemail', 'customer'),
  from: fc.integer({ min: 0, max: 4 }),
  to: fc.integer({ min: 1, max: 5 }),
  ownTime: fc.constantFrom(true, true, true, false),
  consult: fc.constantFrom(false, false, false, true),
  supervises: fc.constantFrom(false, false, false, false, false, false, false, true),
  disconnectType: fc.constantFrom('transfer', 'transfer', 'transfer.noanswer', 'peer', 'client', null, null),
  legs: fc.array(leg, { minLength: 1, maxLength: 2 }),
});

type Party = typeof party extends fc.Arbitrary<infer T> ? T : never;

/** A queue, and the agent who takes the caller from it when the queue's leg ends. */
const handled = fc.tuple(party, party).map(([queue, agent]): Party[] => [
  { ...queue, purpose: 'acd', disconnectType: 'transfer' },
  { ...agent, purpose: 'agent', from: Math.max(queue.from + 1, queue.to), supervises: false },
]);

const STEP = 10_000;

/** The party at a moment, without later events. Null: not there yet. */
function seen(who: number, one: Party, now: number): Json | null {
  const [from, to] = [one.from * STEP, Math.max(one.from + 1, one.to) * STEP];
  if (from > now) return null;
  const arrays: Record<string, Json[]> = {};
  for (const [index, each] of one.legs.entries()) {
    const [begin, end] = [from + each.begins, to + each.ends];
    const connects = one.purpose === 'acd' || each.connects;
    const ended = !each.isLive && end <= now;
    const alert = each.alerting === null ? {} : { startAlertingTime: iso(from + each.alerting) };
    const json = {
      id: `leg-${who}-${index}`,
      state: ended ? 'terminated' : connects ? 'connected' : 'alerting',
      ...(connects && one.ownTime ? { connectedTime: iso(begin) } : {}),
      ...(one.purpose === 'agent' ? alert : {}),
      ...(ended && each.endsWithTime ? { disconnectedTime: iso(end) } : {}),
      ...(ended && one.disconnectType !== null ? { disconnectType: one.disconnectType } : {}),
    };
    (arrays[each.medium] ??= []).push(json);
  }
  return {
    id: `p${who}`,
    purpose: one.purpose,
    userId: one.purpose === 'agent' ? `u${who}` : null,
    queueId: one.purpose === 'acd' ? `Q${who}` : null,
    ...(one.consult ? { consultParticipantId: 'p0' } : {}),
    ...(one.supervises ? { monitoredParticipantId: 'p0' } : {}),
    ...arrays,
  };
}

const told = fc.record({ at: fc.integer({ min: 0, max: 7 }), late: fc.constantFrom(0, 0, 0, 1), again: fc.boolean() });

/** Lines of a recording of one conversation, perhaps with a *gone* at its end. */
export const visitLines = (): fc.Arbitrary<string[]> =>
  fc
    .record({
      parties: fc
        .array(fc.oneof(handled, fc.tuple(party)), { minLength: 2, maxLength: 5 })
        .map((groups) => groups.flat().toSorted((a, b) => a.from - b.from)),
      moments: fc.array(told, { minLength: 1, maxLength: 6 }),
      gone: fc.constantFrom(true, false, false),
    })
    .map(({ parties, moments, gone }) => {
      const sorted = moments.toSorted((a, b) => a.at + a.late - (b.at + b.late));
      const lines = sorted.flatMap(({ at, late, again }) => {
        const now = at * STEP + 5_000;
        const participants = parties.map((one, who) => seen(who, one, now)).filter((each) => each !== null);
        const event = { id: 'c1', participants };
        const receivedAt = iso(now + late * STEP);
        return again
          ? [
              { receivedAt, event },
              { receivedAt, event },
            ]
          : [{ receivedAt, event }];
      });
      const end = { receivedAt: iso(9 * STEP), gone: { id: 'c1' } };
      return [...lines, ...(gone ? [end] : [])].map((line) => JSON.stringify(line));
    });

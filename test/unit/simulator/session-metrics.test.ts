import { describe, expect, test } from '@jest/globals';
import {
  type ConversationState,
  DEFAULT_FOLD_SETTINGS,
  DEFAULT_LIMITS,
  fold,
  normaliseConversation,
  type QueueVisit,
} from '../../../src/conversation';
import { createOrganisation } from '../../../src/simulator/organisation';
import { renderDetails } from '../../../src/simulator/render-details';

interface Metric {
  readonly name: string;
  readonly value: number;
  readonly emitDate: string;
}
interface Details {
  readonly participants: readonly {
    readonly participantId: string;
    readonly sessions: readonly { readonly sessionId: string; readonly metrics?: readonly Metric[] }[];
  }[];
}

const TOLERANCE_MS = 1_000;

/** What the fold says that the sessions of a conversation have to tell, and for how long (specification, section 5). */
function expectedOf(visits: readonly QueueVisit[]): ReadonlyMap<string, number> {
  const expected = new Map<string, number>();
  for (const visit of visits) {
    const { participant_id: queue, outcome, entered_time: entered, left_time: left } = visit;
    expected.set(`${queue} nOffered`, 1);
    if (left === null) continue;
    const waitMs = Math.max(0, left - entered);
    expected.set(`${queue} tAcd`, waitMs);
    if (outcome === 'abandoned') expected.set(`${queue} tAbandon`, waitMs);
    if (outcome === 'flowed_out') expected.set(`${queue} tFlowOut`, waitMs);
    if (outcome === 'answered') {
      expected.set(`${visit.agent_communication_id ?? ''} tAnswered`, waitMs);
      // Jest's own comparison is too slow for every visit.
      const awayMs = Math.abs((visit.answered_time ?? 0) - entered - waitMs);
      if (awayMs > TOLERANCE_MS) throw new Error(`visit ${queue}: answered ${awayMs} ms away from the end of its wait`);
    }
  }
  return expected;
}

/** What the sessions tell: the queue's by its participant, the agent's by the session. */
function toldBy({ participants }: Details, visits: readonly QueueVisit[]): ReadonlyMap<string, number> {
  const queues = new Set(visits.map((visit) => visit.participant_id));
  const told = new Map<string, number>();
  for (const { participantId, sessions } of participants) {
    for (const { sessionId, metrics = [] } of sessions) {
      for (const { name, value } of metrics) {
        if (name === 'tAlert' || name === 'tNotResponding') continue;
        told.set(`${queues.has(participantId) ? participantId : sessionId} ${name}`, value);
      }
    }
  }
  return told;
}

describe('the metrics in the sessions of simulated analytics', () => {
  test('of 1,000 conversations are the durations of the visits that the fold makes', () => {
    const startAt = Date.UTC(2026, 2, 2, 9);
    // Longer than the story, so that each conversation can be asked for once more when everything is over.
    const forgetAfterMs = 365 * 24 * 3_600_000;
    const options = { seed: 43, conversations: 1_000, agents: 50, personalData: false, startAt, forgetAfterMs };
    const organisation = createOrganisation(options);
    const states = new Map<string, ConversationState | null>();
    const visitsOf = new Map<string, Map<string, QueueVisit>>();
    const counts = new Map<string, number>();
    const wrong: string[] = [];

    function compare(id: string, visits: readonly QueueVisit[]): void {
      const conversation = organisation.conversation(id);
      if (conversation === null) throw new Error(`conversation ${id} sends an event and is not known`);
      const [expected, told] = [expectedOf(visits), toldBy(renderDetails(conversation) as unknown as Details, visits)];
      for (const key of new Set([...expected.keys(), ...told.keys()])) {
        const [wanted = -1, value = -1] = [expected.get(key), told.get(key)];
        if (Math.abs(wanted - value) > TOLERANCE_MS || value < 0) wrong.push(`${id} ${key}: ${value}, not ${wanted}`);
        const name = key.split(' ').at(-1) ?? '';
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }

    let sent: unknown = null;
    for (let next = startAt; next < startAt + forgetAfterMs; next = organisation.nextAt() ?? Infinity) {
      for (const { at, conversationId: id, frame } of organisation.step()) {
        // Two watched queues send the same snapshot.
        if (frame.eventBody === sent) continue;
        sent = frame.eventBody;
        const outcome = normaliseConversation(frame.eventBody, at, 'websocket', DEFAULT_LIMITS);
        if (outcome.kind !== 'event') throw new Error(`a simulated event is ${outcome.kind}`);
        const folded = fold(states.get(id) ?? null, outcome.event, DEFAULT_FOLD_SETTINGS);
        states.set(id, folded.state);
        const visits = visitsOf.get(id) ?? new Map<string, QueueVisit>();
        visitsOf.set(id, visits);
        for (const { visit } of folded.visits ?? []) visits.set(visit.participant_id, visit);
        if (folded.visits) compare(id, [...visits.values()]);
      }
    }
    for (const [id, visits] of visitsOf) compare(id, [...visits.values()]);
    expect(wrong).toEqual([]);
    for (const name of ['nOffered', 'tAcd', 'tAnswered', 'tAbandon', 'tFlowOut']) {
      expect(counts.get(name)).toBeGreaterThan(50);
    }
  });

  test('each alert that is over has tAlert; one that an agent missed has tNotResponding too, as recorded', () => {
    const organisation = createOrganisation({ seed: 44, conversations: 400 });
    const seen = { answered: 0, missed: 0, left: 0 };
    while (organisation.nextAt() !== null) {
      for (const { conversationId } of organisation.step()) {
        const conversation = organisation.conversation(conversationId);
        if (conversation === null) continue;
        const { participants } = renderDetails(conversation) as unknown as Details;
        const visits = organisation.visitsOf(conversationId);
        const names = participants
          .flatMap(({ sessions }) => sessions)
          .map(({ metrics = [] }) => metrics.map(({ name }) => name).join(' '));
        const [answered, missed, left] = ['tAlert tAnswered', 'tAlert tNotResponding', 'tAlert'].map(
          (wanted) => names.filter((one) => one === wanted).length,
        );
        expect(answered).toBe(visits.filter(({ outcome }) => outcome === 'answered').length);
        // Alerts that end because the caller leaves count as missed offers of the visit, and nobody was not responding.
        expect((missed ?? 0) + (left ?? 0)).toBe(visits.reduce((sum, visit) => sum + visit.offers_missed, 0));
        seen.answered += answered ?? 0;
        seen.missed += missed ?? 0;
        seen.left += left ?? 0;
      }
    }
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(10);
  });

  test('values are whole milliseconds, and dates ISO-8601', () => {
    const organisation = createOrganisation({ seed: 45, conversations: 100 });
    const metrics: Metric[] = [];
    while (organisation.nextAt() !== null && metrics.length < 5_000) {
      organisation.step();
      for (const conversation of organisation.conversations()) {
        const { participants } = renderDetails(conversation) as unknown as Details;
        metrics.push(...participants.flatMap(({ sessions }) => sessions.flatMap((session) => session.metrics ?? [])));
      }
    }
    expect(metrics.length).toBeGreaterThan(1_000);
    for (const { value, emitDate } of metrics) {
      expect(Number.isInteger(value)).toBe(true);
      expect(emitDate).toBe(new Date(emitDate).toISOString());
    }
  });
});

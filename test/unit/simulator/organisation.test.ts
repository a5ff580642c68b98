import { describe, expect, test } from '@jest/globals';
import { createOrganisation, type Emission, type Organisation } from '../../../src/simulator/organisation';
import { conversationEnd, renderDetails } from '../../../src/simulator/render-details';

function emissions(organisation: Organisation, steps: number): readonly Emission[] {
  return Array.from({ length: steps }, () => organisation.step()).flat();
}
const topicOf = (queueId: string): string => `v2.routing.queues.${queueId}.conversations`;
const topicsOf = (sent: readonly Emission[]): ReadonlySet<string> => new Set(sent.map(({ frame }) => frame.topicName));

describe('queues of a running organisation', () => {
  test('a new queue gets conversations', () => {
    const organisation = createOrganisation({ seed: 1, queues: 2 });
    emissions(organisation, 100);
    const { id, name } = organisation.addQueue('Queue 1 at night');
    expect(organisation.queues.map((queue) => queue.name)).toEqual(['Queue 1', 'Queue 2', name]);
    expect(topicsOf(emissions(organisation, 1_000))).toContain(topicOf(id));
  });

  test('a removed queue carries nothing any more, and its conversations continue', () => {
    const organisation = createOrganisation({ seed: 2, queues: 2 });
    emissions(organisation, 500);
    const id = organisation.queues[0]?.id ?? '';
    const inIt = organisation.truth().conversations.filter((row) => row.queue_id === id);
    expect(inIt.length).toBeGreaterThan(0);
    expect(organisation.removeQueue(id, 'go-on')).toBe(true);
    expect(organisation.removeQueue(id, 'go-on')).toBe(false);
    const later = organisation.truth().conversations.map((row) => row.conversation_id);
    for (const row of inIt) expect(later).toContain(row.conversation_id);
    expect(topicsOf(emissions(organisation, 1_000))).toEqual(new Set([topicOf(organisation.queues[0]?.id ?? '')]));
  });

  test('or the system hangs up on them', () => {
    const organisation = createOrganisation({ seed: 2, queues: 2 });
    emissions(organisation, 500);
    const [removed, other] = organisation.queues.map(({ id }) => id);
    const rowsIn = (queueId = '') => organisation.truth().conversations.filter((row) => row.queue_id === queueId);
    const [before, beside] = [rowsIn(removed), rowsIn(other)];
    expect(before.length).toBeGreaterThan(0);
    organisation.removeQueue(removed ?? '', 'disconnect');
    const at = organisation.nextAt();
    while (organisation.nextAt() === at) organisation.step();
    expect(rowsIn(removed)).toEqual([]);
    expect(rowsIn(other).length).toBeGreaterThanOrEqual(beside.length - before.length);
    const [conversation] = before.map((row) => organisation.conversation(row.conversation_id));
    expect(conversation?.parties.flatMap(({ legs }) => legs.map((leg) => leg.disconnectType))).toContain('system');
    // Nobody who has been cut off says anything later.
    emissions(organisation, 2_000);
    expect(rowsIn(removed)).toEqual([]);
  });

  test('the last queue stays', () => {
    const organisation = createOrganisation({ seed: 3, queues: 1 });
    const id = organisation.queues[0]?.id ?? '';
    expect(() => organisation.removeQueue(id, 'go-on')).toThrow(`queue ${id}: the last queue cannot be removed`);
  });
});

test('details tell the end of exactly those conversations that are over', () => {
  const organisation = createOrganisation({ seed: 4, conversations: 150 });
  let [ended, live] = [0, 0];
  while (organisation.nextAt() !== null && ended < 50) {
    emissions(organisation, 50);
    [ended, live] = [0, 0];
    for (const conversation of organisation.conversations()) {
      const legs = conversation.parties.flatMap((party) => party.legs);
      const isOver = legs.length > 0 && legs.every((leg) => leg.disconnectedAt !== null);
      const { conversationEnd: told } = renderDetails(conversation);
      expect(told !== undefined).toBe(isOver);
      if (isOver) ended += 1;
      else live += 1;
      if (isOver) expect(organisation.truthOf(conversation.id)).toBeNull();
    }
  }
  expect(ended).toBeGreaterThanOrEqual(50);
  expect(live).toBeGreaterThan(0);
});

test('the end is when the last participant hangs up', () => {
  const organisation = createOrganisation({ seed: 4, conversations: 20 });
  while (organisation.conversations().every((one) => conversationEnd(one) === null)) organisation.step();
  const [over] = organisation.conversations().filter((one) => conversationEnd(one) !== null);
  const ends = over?.parties.flatMap(({ legs }) => legs.map((leg) => leg.disconnectedAt)) ?? [];
  expect(ends).toContain(over && conversationEnd(over));
  for (const at of ends) expect(at).toBeLessThanOrEqual((over && conversationEnd(over)) ?? 0);
});

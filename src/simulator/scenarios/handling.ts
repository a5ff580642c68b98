import type { Leg, Medium, Party } from '../model';
import type { Passage, Scene, Script } from '../scene';

/** Steps that the media share: waiting, offers to agents, handling, the end. */

export interface Handled {
  readonly agent: Party;
  readonly leg: Leg;
}

export const seconds = (scene: Scene, least: number, greatest: number): number =>
  scene.random.integer(least * 1_000, greatest * 1_000);

/** The customer's participant, with a connected leg of the medium. */
export function* arrive(scene: Scene, medium: Medium): Passage<Party> {
  scene.note(medium);
  const customer = scene.join('customer', {});
  const leg = scene.open(customer, { medium, state: 'connected' });
  if (medium === 'message') scene.say(customer, leg, 'received');
  yield 400;
  return customer;
}

/** A flow (IVR, bot, …) that ends when it hands over to a queue. */
export function* throughFlow(scene: Scene, medium: Medium): Passage<Party> {
  const purpose = medium === 'call' ? scene.random.pick(['ivr', 'botflow'] as const) : 'workflow';
  const flow = scene.join(purpose, {});
  scene.open(flow, { medium, state: 'connected' });
  yield seconds(scene, 1, 20);
  return flow;
}

/**
 * Offers the conversation to agents until one answers. Some alerts time out or are refused, each by a participant of
 * its own.
 */
export function* beAnswered(scene: Scene, acd: Party, medium: Medium): Passage<Handled> {
  let refused: string | null = null;
  for (let attempt = 0; ; attempt += 1) {
    yield seconds(scene, 1, 15);
    const agent = alert(scene, acd, medium, refused);
    if (refused !== null) scene.note('offered-again');
    const [leg] = agent.legs;
    if (!leg) throw new Error('an alerting agent has a leg');
    yield seconds(scene, 2, 12);
    const refusal = attempt < 3 ? drawRefusal(scene) : null;
    if (refusal === null) {
      answer(scene, acd, agent, leg);
      yield seconds(scene, 1, 5);
      return { agent, leg };
    }
    scene.end(agent, leg, refusal);
    refused = agent.userId;
  }
}

/** A new agent participant with an alerting leg. */
export function alert(scene: Scene, acd: Party, medium: Medium, otherThan: string | null): Party {
  const agent = scene.join('agent', { userId: scene.someAgent(otherThan), queueId: acd.queueId });
  acd.visit?.offered.push({ party: agent, leg: scene.open(agent, { medium, state: 'alerting' }) });
  return agent;
}

/** The agent's leg connects, and the queue's leg ends at the same moment. */
export function answer(scene: Scene, acd: Party, agent: Party, leg: Leg): void {
  scene.connect(agent, leg);
  scene.endParty(acd, 'transfer');
  if (acd.visit) acd.visit.answeredBy = { party: agent, leg };
  scene.note('answered');
}

function drawRefusal(scene: Scene): string | null {
  const draw = scene.random.fraction();
  if (draw < 0.12) {
    scene.note('missed-alert');
    return 'system';
  }
  if (draw < 0.18) {
    scene.note('rejected-alert');
    return 'client';
  }
  if (draw < 0.2) {
    scene.note('do-not-disturb');
    return 'endpoint.dnd';
  }
  return null;
}

/** Everybody who is still there leaves. Agents go into after-call work, in one snapshot or in two. */
export function* finish(scene: Scene, customer: Party): Script {
  const agentsFirst = scene.random.chance(0.5);
  const inTwo = scene.random.chance(0.4);
  const others = scene.conversation.parties.filter((party) => party !== customer);
  if (!agentsFirst) {
    scene.endParty(customer, 'endpoint');
    if (inTwo) yield 150;
  }
  for (const party of others) leave(scene, party, agentsFirst ? 'client' : 'peer');
  if (agentsFirst) {
    if (inTwo) yield 150;
    scene.endParty(customer, 'peer');
  }
  yield 100;
}

/** A participant leaves; an agent who talked has after-call work to do. */
export function leave(scene: Scene, party: Party, disconnectType: string): void {
  for (const leg of party.legs) {
    if (leg.ended) continue;
    if (party.purpose === 'agent' && leg.connectedAt !== null) scene.endWithWork(party, leg, disconnectType);
    else scene.end(party, leg, disconnectType);
  }
}

/** Nobody answers. The customer leaves while waiting, perhaps while an agent is being alerted. */
export function* abandon(scene: Scene, customer: Party, acd: Party, medium: Medium): Script {
  yield seconds(scene, 5, 60);
  if (scene.random.chance(0.3)) {
    alert(scene, acd, medium, null);
    scene.note('abandoned-while-alerting');
    yield seconds(scene, 1, 8);
  }
  scene.note('abandoned');
  scene.endParty(customer, scene.random.pick(['endpoint', 'transport.failure', 'error']));
  for (const party of scene.conversation.parties) if (party !== customer) scene.endParty(party, 'peer');
  yield 100;
}

/**
 * The queue's flow sends the customer elsewhere, at the moment when the queue's leg ends.
 * @returns the participant who has the customer now
 */
export function flowOut(scene: Scene, acd: Party, medium: Medium, purpose: 'voicemail' | 'workflow'): Party {
  scene.endParty(acd, 'transfer');
  if (acd.visit) acd.visit.flowedOut = true;
  const next = scene.join(purpose, {});
  scene.open(next, { medium, state: 'connected' });
  scene.note(purpose === 'voicemail' ? 'voicemail' : 'flow-out-workflow');
  return next;
}

/** The agent transfers to another queue and leaves at once. */
export function* blindTransfer(scene: Scene, from: Handled, medium: Medium): Passage<Party> {
  yield seconds(scene, 10, 60);
  const next = scene.enterQueue(scene.someQueue(from.agent.queueId), { medium, state: 'connected' });
  scene.endWithWork(from.agent, from.leg, 'transfer');
  scene.note('blind-transfer');
  yield seconds(scene, 1, 10);
  return next;
}

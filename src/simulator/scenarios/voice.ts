import type { Party, Supervision } from '../model';
import type { Passage, Scene, Script } from '../scene';
import type { Handled } from './handling';
import {
  abandon,
  alert,
  answer,
  arrive,
  beAnswered,
  blindTransfer,
  finish,
  flowOut,
  leave,
  seconds,
  throughFlow,
} from './handling';

const CALL = { medium: 'call', state: 'connected' } as const;

interface Queued {
  readonly customer: Party;
  readonly acd: Party;
}

function* callIntoQueue(scene: Scene): Passage<Queued> {
  const customer = yield* arrive(scene, 'call');
  const flow = yield* throughFlow(scene, 'call');
  scene.endParty(flow, 'transfer');
  const acd = scene.enterQueue(scene.someQueue(), CALL);
  yield seconds(scene, 1, 20);
  return { customer, acd };
}

export function* abandonedCall(scene: Scene): Script {
  const { customer, acd } = yield* callIntoQueue(scene);
  yield* abandon(scene, customer, acd, 'call');
}

export function* answeredCall(scene: Scene): Script {
  const { customer, acd } = yield* callIntoQueue(scene);
  const { agent, leg } = yield* beAnswered(scene, acd, 'call');
  yield seconds(scene, 10, 90);
  if (scene.random.chance(0.4)) {
    // Hold changes nothing that the table shows, so its snapshots are duplicates to the reader.
    scene.note('hold');
    Object.assign(leg.extra, { held: true, startHoldTime: new Date(scene.now()).toISOString() });
    scene.touch(agent);
    yield seconds(scene, 5, 40);
    leg.extra['held'] = false;
    delete leg.extra['startHoldTime'];
    scene.touch(agent);
    yield seconds(scene, 5, 60);
  }
  yield* finish(scene, customer);
}

export function* transferredCall(scene: Scene): Script {
  const { customer, acd } = yield* callIntoQueue(scene);
  const first = yield* beAnswered(scene, acd, 'call');
  const next = yield* blindTransfer(scene, first, 'call');
  if (scene.random.chance(0.2)) {
    yield* abandon(scene, customer, next, 'call');
    return;
  }
  yield* beAnswered(scene, next, 'call');
  yield seconds(scene, 20, 120);
  yield* finish(scene, customer);
}

/** After a blind transfer the same agent gets the call again, in the same participant, as a second session. */
export function* callBackToSameAgent(scene: Scene): Script {
  const { customer, acd } = yield* callIntoQueue(scene);
  const first = yield* beAnswered(scene, acd, 'call');
  const next = yield* blindTransfer(scene, first, 'call');
  const again = scene.open(first.agent, { medium: 'call', state: 'alerting' });
  next.visit?.offered.push({ party: first.agent, leg: again });
  yield seconds(scene, 2, 12);
  answer(scene, next, first.agent, again);
  scene.note('same-agent-again');
  yield seconds(scene, 20, 90);
  yield* finish(scene, customer);
}

/**
 * The agent first asks a colleague, who may decline. Then the agent hands over, takes the call back, or all three talk.
 */
export function* consultedCall(scene: Scene): Script {
  const { customer, acd } = yield* callIntoQueue(scene);
  const { agent, leg } = yield* beAnswered(scene, acd, 'call');
  yield seconds(scene, 10, 60);
  const colleague = scene.join('agent', { userId: scene.someAgent(agent.userId), consultsAbout: customer.id });
  const asked = scene.open(colleague, { medium: 'call', state: 'alerting' });
  yield seconds(scene, 2, 10);
  const outcome = scene.random.pick([
    'consult-transfer',
    'consult-cancelled',
    'consult-declined',
    'conference',
    'conference-left-first',
  ] as const);
  scene.note(outcome);
  if (outcome === 'consult-declined') {
    scene.end(colleague, asked, scene.random.pick(['client', 'endpoint.dnd']));
  } else {
    scene.connect(colleague, asked);
    yield seconds(scene, 5, 40);
    if (outcome === 'consult-transfer') scene.endWithWork(agent, leg, 'transfer.consult');
    else if (outcome === 'consult-cancelled') scene.end(colleague, asked, 'client');
    else {
      customer.extra['conferenceHint'] = true;
      scene.touch(customer);
      yield seconds(scene, 10, 60);
      leave(scene, outcome === 'conference' ? agent : colleague, 'transfer.conference');
    }
  }
  yield seconds(scene, 10, 90);
  yield* finish(scene, customer);
}

/** The agent consults somebody outside, or another queue while the first agent stays on the line. */
export function* consultedOutside(scene: Scene): Script {
  const { customer, acd } = yield* callIntoQueue(scene);
  const handled = yield* beAnswered(scene, acd, 'call');
  yield seconds(scene, 10, 60);
  if (scene.random.chance(0.4)) {
    scene.note('consult-external');
    const external = scene.join('external', {});
    const ring = scene.open(external, { medium: 'call', state: 'dialing', direction: 'outbound' });
    yield seconds(scene, 3, 15);
    scene.connect(external, ring);
    yield seconds(scene, 10, 60);
    scene.end(external, ring, 'endpoint');
    yield seconds(scene, 5, 30);
  } else yield* consultQueue(scene, customer, handled);
  yield* finish(scene, customer);
}

/**
 * The agent gives the consult up, hands over to the person who answers there, or continues alone when that person has
 * left.
 */
function* consultQueue(scene: Scene, customer: Party, { agent, leg }: Handled): Script {
  const next = scene.enterQueue(scene.someQueue(agent.queueId), CALL, customer.id);
  const outcome = scene.random.pick(['consult-queue', 'consult-queue-cancelled', 'consult-queue-left'] as const);
  scene.note(outcome);
  if (outcome === 'consult-queue-cancelled') {
    yield seconds(scene, 2, 30);
    const ringing = scene.random.chance(0.4) ? alert(scene, next, 'call', agent.userId) : null;
    if (ringing !== null) yield seconds(scene, 2, 10);
    scene.endParty(next, 'client');
    if (ringing !== null) scene.endParty(ringing, 'client');
  } else {
    const there = yield* beAnswered(scene, next, 'call');
    if (outcome === 'consult-queue') scene.endWithWork(agent, leg, 'transfer.consult');
    else {
      yield seconds(scene, 5, 40);
      scene.endWithWork(there.agent, there.leg, 'client');
    }
  }
  yield seconds(scene, 10, 60);
}

const SUPERVISIONS: readonly (readonly [Supervision, 'monitor' | 'coach' | 'barge' | 'screen-monitor'])[] = [
  ['monitored', 'monitor'],
  ['coached', 'coach'],
  ['barged', 'barge'],
  ['screenMonitored', 'screen-monitor'],
];

/** Supervisors come and go; the last may stay after everybody else has left. */
export function* supervisedCall(scene: Scene): Script {
  const { customer, acd } = yield* callIntoQueue(scene);
  const handled: Handled = yield* beAnswered(scene, acd, 'call');
  const supervisors: Party[] = [];
  for (const [how, behaviour] of SUPERVISIONS) {
    if (!scene.random.chance(0.6)) continue;
    yield seconds(scene, 3, 30);
    supervisors.push(scene.supervise(how, handled.agent, 'call'));
    scene.note(behaviour);
  }
  yield seconds(scene, 10, 60);
  const staying = scene.random.chance(0.3) ? supervisors.at(-1) : undefined;
  for (const one of supervisors) if (one !== staying) scene.endParty(one, 'client');
  yield seconds(scene, 1, 10);
  scene.endParty(customer, 'endpoint');
  leave(scene, handled.agent, 'peer');
  yield seconds(scene, 2, 10);
  if (staying) scene.endParty(staying, 'system');
  yield 100;
}

/** Nobody is free, so the queue's flow offers the voicemail. */
export function* callToVoicemail(scene: Scene): Script {
  const { customer, acd } = yield* callIntoQueue(scene);
  yield seconds(scene, 20, 90);
  const voicemail = flowOut(scene, acd, 'call', 'voicemail');
  yield seconds(scene, 5, 60);
  scene.endParty(customer, 'endpoint');
  scene.endParty(voicemail, 'peer');
  yield 100;
}

/** The queue's flow sends the caller to a workflow, which ends the call or puts it into another queue. */
export function* callToWorkflow(scene: Scene): Script {
  const { customer, acd } = yield* callIntoQueue(scene);
  if (scene.random.chance(0.5)) {
    // The call was offered to somebody first: a missed offer of a visit that flows out.
    const agent = alert(scene, acd, 'call', null);
    yield seconds(scene, 5, 12);
    scene.endParty(agent, 'system');
    scene.note('missed-alert');
  }
  yield seconds(scene, 20, 90);
  const workflow = flowOut(scene, acd, 'call', 'workflow');
  yield seconds(scene, 5, 30);
  if (scene.random.chance(0.5)) {
    scene.endParty(workflow, 'transfer');
    const next = scene.enterQueue(scene.someQueue(acd.queueId), CALL);
    yield* beAnswered(scene, next, 'call');
    yield seconds(scene, 10, 90);
    yield* finish(scene, customer);
    return;
  }
  scene.endParty(workflow, 'system');
  scene.endParty(customer, 'peer');
  yield 100;
}

/** An agent calls on behalf of a queue. The queue's topic carries the call, although it never was in the queue. */
export function* outboundCall(scene: Scene): Script {
  scene.note('call');
  scene.note('queue-without-acd');
  const queueId = scene.someQueue();
  scene.conversation.queueIds.push(queueId);
  const agent = scene.join('agent', { userId: scene.someAgent(), queueId });
  const own = scene.open(agent, { medium: 'call', state: 'dialing', direction: 'outbound' });
  yield seconds(scene, 1, 3);
  const customer = scene.join('customer', { queueId });
  const called = scene.open(customer, { medium: 'call', state: 'dialing', direction: 'outbound' });
  yield seconds(scene, 3, 20);
  scene.connect(agent, own);
  scene.connect(customer, called);
  yield seconds(scene, 10, 90);
  yield* finish(scene, customer);
}

import type { Scene, Script } from '../scene';
import { alert, beAnswered, leave, seconds } from './handling';

/** Nobody takes a callback that is due, and it is abandoned. */
export function* abandonedCallback(scene: Scene): Script {
  scene.note('callback');
  const customer = scene.join('customer', { queueId: scene.someQueue() });
  scene.open(customer, { medium: 'callback', state: 'connected' });
  const acd = scene.enterQueue(customer.queueId ?? scene.someQueue(), { medium: 'callback', state: 'connected' });
  for (let missed = scene.random.integer(1, 3); missed > 0; missed -= 1) {
    yield seconds(scene, 1, 20);
    const agent = alert(scene, acd, 'callback', null);
    yield seconds(scene, 10, 30);
    scene.endParty(agent, 'system');
    scene.note('missed-alert');
  }
  yield seconds(scene, 60, 600);
  scene.note('abandoned-callback');
  scene.endParty(acd, 'client');
  scene.endParty(customer, 'client');
  yield 100;
}

/**
 * A callback, perhaps scheduled, which is offered like a call. The agent then calls, as a second session beside the
 * callback.
 */
export function* callback(scene: Scene): Script {
  const { facts } = scene;
  scene.note('callback');
  const state = facts.callbackScheduledAt === null ? 'connected' : 'scheduled';
  const customer = scene.join('customer', { queueId: scene.someQueue() });
  const requested = scene.open(customer, { medium: 'callback', state });
  const acd = scene.enterQueue(customer.queueId ?? scene.someQueue(), { medium: 'callback', state });
  const [waiting] = acd.legs;

  if (facts.callbackScheduledAt !== null && waiting) {
    // In the queue, but not yet due: neither has a connectedTime until then.
    scene.note('scheduled-callback');
    yield Math.max(1, facts.callbackScheduledAt - scene.now());
    if (scene.random.chance(0.15)) {
      scene.note('cancelled-callback');
      scene.end(acd, waiting, 'client');
      scene.end(customer, requested, 'client');
      yield 100;
      return;
    }
    scene.connect(customer, requested);
    scene.connect(acd, waiting);
  }
  const { agent, leg } = yield* beAnswered(scene, acd, 'callback');

  if (scene.random.chance(0.8)) {
    yield seconds(scene, 2, 15);
    scene.note('callback-call');
    const call = scene.open(agent, { medium: 'call', state: 'dialing', direction: 'outbound' });
    const called = scene.open(customer, { medium: 'call', state: 'dialing', direction: 'outbound' });
    yield seconds(scene, 3, 20);
    if (scene.random.chance(0.2)) {
      scene.end(customer, called, scene.random.pick(['timeout', 'uncallable', 'spam']));
      scene.end(agent, call, 'peer');
    } else {
      scene.connect(agent, call);
      scene.connect(customer, called);
      yield seconds(scene, 10, 120);
      scene.end(customer, called, 'endpoint');
      scene.endWithWork(agent, call, 'peer');
    }
    yield seconds(scene, 2, 10);
  }

  // As in recordings: the agent has ended it, after-call work is pending, and the customer's leg is still connected.
  scene.end(agent, leg, 'client');
  if (scene.random.chance(0.8)) {
    leg.work = { state: 'pending', startedAt: scene.now(), endedAt: null };
    scene.note('after-call-work');
    yield seconds(scene, 5, 60);
    leg.work = { ...leg.work, state: 'complete', endedAt: scene.now() };
    scene.touch(agent);
  }
  yield seconds(scene, 1, 4);
  scene.endParty(customer, 'peer');
  leave(scene, agent, 'client');
  yield 100;
}

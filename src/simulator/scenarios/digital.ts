import type { Medium, Party } from '../model';
import type { Passage, Scene, Script } from '../scene';
import type { Handled } from './handling';
import { abandon, arrive, beAnswered, blindTransfer, finish, leave, seconds, throughFlow } from './handling';

const DAY_MS = 24 * 3_600_000;

interface Queued {
  readonly customer: Party;
  readonly acd: Party;
}

function* intoQueue(scene: Scene, medium: Medium): Passage<Queued> {
  const customer = yield* arrive(scene, medium);
  const flow = yield* throughFlow(scene, medium);
  scene.endParty(flow, 'transfer');
  const acd = scene.enterQueue(scene.someQueue(), { medium, state: 'connected' });
  yield seconds(scene, 1, 20);
  return { customer, acd };
}

export function* chat(scene: Scene): Script {
  const { customer, acd } = yield* intoQueue(scene, 'chat');
  if (scene.random.chance(0.15)) {
    yield* abandon(scene, customer, acd, 'chat');
    return;
  }
  const handled = yield* beAnswered(scene, acd, 'chat');
  if (scene.random.chance(0.3)) {
    // A medium without a value in the table, beside one that has a value: it must not show.
    scene.note('secondary-session');
    customer.extra['cobrowsesessions'] = [scene.secondary('Unknown')];
    scene.touch(customer);
    yield seconds(scene, 5, 20);
  }
  if (scene.random.chance(0.3)) {
    const next = yield* blindTransfer(scene, handled, 'chat');
    yield* beAnswered(scene, next, 'chat');
  }
  yield seconds(scene, 20, 180);
  yield* finish(scene, customer);
}

export function* email(scene: Scene): Script {
  const { customer, acd } = yield* intoQueue(scene, 'email');
  const { agent, leg } = yield* beAnswered(scene, acd, 'email');
  yield seconds(scene, 10, 60);
  if (scene.random.chance(0.5)) {
    scene.note('parked');
    leg.state = 'parked';
    leg.extra['parkTime'] = new Date(scene.now()).toISOString();
    scene.touch(agent);
    yield scene.parkAtLeastMs + seconds(scene, 10, 90);
    leg.state = 'connected';
    delete leg.extra['parkTime'];
    leg.extra['resumeTime'] = new Date(scene.now()).toISOString();
    scene.touch(agent);
    yield seconds(scene, 10, 60);
  }
  if (scene.random.chance(0.5)) {
    scene.note('transmitting');
    leg.state = 'transmitting';
    leg.extra['messagesSent'] = 1;
    scene.touch(agent);
    yield seconds(scene, 1, 3);
  }
  yield* finish(scene, customer);
}

export function* message(scene: Scene): Script {
  const { customer, acd } = yield* intoQueue(scene, 'message');
  const handled = yield* beAnswered(scene, acd, 'message');
  yield* converse(scene, customer, handled);
  yield* finish(scene, customer);
}

/**
 * Nobody has time for it for days, and the writer of a message asks again meanwhile. Only a limited number wait like
 * that at once, so that an organization that runs for long has a bounded backlog. If the backlog is full, agents answer
 * soon.
 */
export function* waitsForDays(scene: Scene): Script {
  const medium = scene.random.pick(['email', 'message'] as const);
  const { customer, acd } = yield* intoQueue(scene, medium);
  const [own] = customer.legs;
  if (scene.enterBacklog()) {
    scene.note('waits-for-days');
    try {
      for (let days = scene.random.integer(1, 4); days > 0; days -= 1) {
        yield DAY_MS + seconds(scene, 0, 3_600);
        if (medium === 'message' && own) scene.say(customer, own, 'received');
      }
    } finally {
      // Also if the conversation is cut off while it waits.
      scene.leaveBacklog();
    }
    if (scene.random.chance(0.2)) {
      yield* abandon(scene, customer, acd, medium);
      return;
    }
  }
  yield* beAnswered(scene, acd, medium);
  yield seconds(scene, 20, 120);
  yield* finish(scene, customer);
}

/** An asynchronous conversation: it ends, and days or minutes later the customer writes again in the same one. */
export function* reopenedMessage(scene: Scene): Script {
  const { customer, acd } = yield* intoQueue(scene, 'message');
  const first = yield* beAnswered(scene, acd, 'message');
  yield* converse(scene, customer, first);
  yield* finish(scene, customer);

  // Within the hour for which the fold remembers an end.
  yield seconds(scene, 60, 1_500);
  scene.note('re-opened');
  const legs = { medium: 'message', state: 'connected' } as const;
  const back = scene.random.chance(0.5) ? customer : scene.join('customer', {});
  scene.say(back, scene.open(back, legs), 'received');
  const again = scene.enterQueue(scene.someQueue(), legs);
  const second = yield* beAnswered(scene, again, 'message');
  yield* converse(scene, back, second);
  scene.endParty(back, scene.random.pick(['inactivity', 'session.expired']));
  leave(scene, second.agent, 'system');
  yield 100;
}

/** Agent and customer take turns. The agent's messages are acknowledged step by step. */
function* converse(scene: Scene, customer: Party, { agent, leg }: Handled): Script {
  const customerLeg = customer.legs.at(-1);
  if (!customerLeg) throw new Error('a customer who writes has a leg');
  for (let turn = scene.random.integer(1, 4); turn > 0; turn -= 1) {
    yield seconds(scene, 3, 30);
    const reply = scene.say(agent, leg, 'queued');
    const fate = scene.random.chance(0.1) ? ['failed'] : ['sent', 'delivery-success', 'read'];
    for (const status of fate) {
      yield seconds(scene, 1, 4);
      reply.status = status;
      scene.note('delivery-receipt');
      scene.touch(agent);
    }
    yield seconds(scene, 3, 30);
    scene.say(customer, customerLeg, 'received');
  }
  yield seconds(scene, 2, 20);
}

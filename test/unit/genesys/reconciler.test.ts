import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { GenesysError } from '../../../src/genesys/errors';
import type { LiveRow } from '../../../src/genesys/reconciliation/comparison';
import { startReconciler, type Reconciler } from '../../../src/genesys/reconciliation/reconciler';
import { DEFAULT_RECONCILIATION } from '../../../src/genesys/reconciliation/reconciliation-options';
import type { Rest, RestRequest } from '../../../src/genesys/rest/rest';
import { createMetrics } from '../../../src/ops';
import { untilOnFakeClock, useFakeClock } from '../../support/jest/fake-clock';

const QUEUE = 'q1';
useFakeClock();
const started: Reconciler[] = [];
afterEach(async () => {
  for (const reconciler of started.splice(0)) await reconciler.stop();
});

function refusal(status: number | null, code: string | null): GenesysError {
  return new GenesysError('refused', { status, code, correlationId: null, retryAfterMs: null });
}

/** Genesys, the table and the socket, as far as a test wants to say something of them. */
function aWorld() {
  const rows = new Map<string, LiveRow>();
  const active = new Map<string, string>();
  const asked: string[] = [];
  const outcomes: string[] = [];
  /** Ids of one question for ends, joined. */
  const asksForEnds: string[] = [];
  const ended = new Set<string>();
  const unended: string[] = [];
  let looks = 0;
  let answer: (id: string) => unknown = (id) => ({ id, participants: [] });
  let details: () => unknown = () => null;
  let noActivity: GenesysError | null = null;
  const metrics = createMetrics();

  async function bodyOf(path: string, method: string): Promise<unknown> {
    if (path.endsWith('/activity/query')) {
      looks += 1;
      if (noActivity !== null) return noActivity;
      const entities = [...active].map(([conversationId, metric]) => ({ conversationId, metric }));
      return { results: [{ group: { queueId: QUEUE }, entities }] };
    }
    if (path.endsWith('/details/query')) {
      const participants = [{ sessions: [{ segments: [{ queueId: QUEUE }] }] }];
      return { conversations: unended.map((conversationId) => ({ conversationId, participants })) };
    }
    if (method === 'GET' && path.includes('/details?id=')) {
      const ids = decodeURIComponent(path.split('=').at(-1) ?? '').split(',');
      asksForEnds.push(ids.join(','));
      const conversationEnd = new Date().toISOString();
      const problem = await details();
      return (
        problem ?? {
          conversations: ids.map((id) => ({ conversationId: id, ...(ended.has(id) ? { conversationEnd } : {}) })),
        }
      );
    }
    const id = decodeURIComponent(path.split('/').at(-1) ?? '');
    asked.push(id);
    return answer(id);
  }

  const rest: Rest = {
    send: async <T>({ path, method, answer: shape, onAttempt }: RestRequest<T>): Promise<T> => {
      onAttempt?.(Date.now());
      await Promise.resolve();
      const body = await bodyOf(path, method);
      if (body instanceof Error) throw body;
      return shape.parse(body);
    },
    limit: () => null,
    clockOffsetMs: () => 0,
    stop: () => Promise.resolve(),
  };
  const start = (timings: Partial<typeof DEFAULT_RECONCILIATION> = {}): Reconciler => {
    const reconciler = startReconciler({
      rest,
      watched: () => new Set([QUEUE]),
      isOwn: (queueId) => queueId === QUEUE,
      timings: { ...DEFAULT_RECONCILIATION, againAfterMs: 10, ...timings },
      metrics,
      logger: pino({ enabled: false }),
      caughtUp: Promise.resolve(),
      live: () => rows.values(),
      row: (id) => rows.get(id) ?? null,
      onSnapshot: (body) => outcomes.push(`snapshot ${(JSON.parse(body) as { id: string }).id}`),
      onGone: (id) => outcomes.push(`gone ${id}`),
    });
    started.push(reconciler);
    return reconciler;
  };
  return {
    asked,
    asksForEnds,
    ended,
    unended,
    outcomes,
    metrics,
    start,
    reconciliations: async (outcome: string): Promise<number> =>
      (await metrics.reconciliations.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0,
    /** How often what should be live was asked for. */
    looks: () => looks,
    aRow: (conversationId: string, more: Partial<LiveRow> = {}) =>
      void rows.set(conversationId, {
        ...{ conversationId, queueId: QUEUE, mediaType: 'Voice', sessionId: null, waiting: false, phase: null },
        ...{ afterCallWork: false, updatedAt: Date.now() - 1_000 },
        ...more,
      }),
    noRow: (conversationId: string) => void rows.delete(conversationId),
    isActive: (conversationId: string, metric = 'oInteracting') => void active.set(conversationId, metric),
    answers: (next: typeof answer) => void (answer = next),
    details: (next: typeof details) => void (details = next),
    refuseActivity: (error: GenesysError) => void (noActivity = error),
  };
}

const until = (condition: () => boolean): Promise<void> => untilOnFakeClock(condition, 2);
const soon = (): Promise<void> => jest.advanceTimersByTimeAsync(60);

describe('after a gap', () => {
  test('everything of its queues is asked for, what waits first', async () => {
    const world = aWorld();
    world.aRow('talks');
    world.aRow('waits', { waiting: true });
    world.isActive('began', 'oWaiting');
    world.isActive('talks');
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length === 3);
    expect(world.asked.slice(0, 2).sort()).toEqual(['began', 'waits']);
    expect(world.outcomes.sort()).toEqual(['snapshot began', 'snapshot talks', 'snapshot waits']);
  });

  test('rows of queues without a gap are left alone', async () => {
    const world = aWorld();
    world.aRow('other', { queueId: 'q2' });
    world.aRow('own');
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length === 1);
    await soon();
    expect(world.asked).toEqual(['own']);
  });

  test('a conversation whose notification came after the gap needs no request', async () => {
    const world = aWorld();
    world.aRow('a');
    world.aRow('b');
    const reconciler = world.start();
    reconciler.gap([QUEUE], null);
    reconciler.heard('a', Date.now() + 1);
    await until(() => world.outcomes.length === 1);
    await soon();
    expect(world.asked).toEqual(['b']);
  });
});

describe('what ended while nobody listened', () => {
  test('the bridge looks up many ends with one request, and then requests each conversation as a whole', async () => {
    const world = aWorld();
    for (const id of ['a', 'b', 'c']) world.aRow(id);
    world.ended.add('a').add('b');
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length === 3);
    expect(world.asksForEnds).toEqual(['a,b,c']);
    expect(world.outcomes).toEqual(['snapshot a', 'snapshot b', 'snapshot c']);
  });

  test('a conversation that Genesys no longer knows is gone', async () => {
    const world = aWorld();
    for (const id of ['kept', 'forgotten']) world.aRow(id);
    world.ended.add('kept').add('forgotten');
    world.answers((id) => (id === 'forgotten' ? refusal(404, 'not.found') : { id }));
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length === 2);
    expect(world.outcomes).toEqual(['snapshot kept', 'gone forgotten']);
  });

  test('a row that its last snapshot did not end is gone at the second look', async () => {
    const world = aWorld();
    world.aRow('a', { updatedAt: Date.now() - 10_000 });
    world.ended.add('a');
    world.start({ compareEveryMs: 20, graceMs: 40 }).gap([QUEUE], null);
    await until(() => world.outcomes.length === 2);
    expect(world.outcomes).toEqual(['snapshot a', 'gone a']);
    expect(world.asked).toEqual(['a']);
  });

  test('conversations are gone at once if more ended than the request budget allows snapshots for', async () => {
    const world = aWorld();
    for (let n = 0; n < 1_100; n += 1) {
      world.aRow(`c${n}`);
      world.ended.add(`c${n}`);
    }
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length === 1_100);
    const gone = world.outcomes.filter((outcome) => outcome.startsWith('gone'));
    expect(gone).toHaveLength(100);
    expect(world.asked).toHaveLength(1_000);
    expect(world.asksForEnds).toHaveLength(11);
  });

  test('is asked for one by one where analytics may not be read', async () => {
    const world = aWorld();
    for (const id of ['a', 'b']) world.aRow(id);
    world.details(() => refusal(403, 'missing.any.permissions'));
    world.answers((id) => (id === 'a' ? refusal(404, 'not.found') : { id }));
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length === 2);
    expect(world.asksForEnds).toHaveLength(1);
    expect(world.outcomes).toEqual(['gone a', 'snapshot b']);
  });

  test('a look-up that fails ends no row', async () => {
    const world = aWorld();
    world.aRow('a');
    let tries = 0;
    world.details(() => ((tries += 1) === 1 ? refusal(500, 'internal.error') : null));
    world.ended.add('a');
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length === 1);
    expect(tries).toBe(2);
    expect(world.outcomes).toEqual(['snapshot a']);
  });

  test('is asked again when a notification overtakes the answer', async () => {
    const world = aWorld();
    world.aRow('a');
    world.ended.add('a');
    let reconciler: Reconciler | null = null;
    world.details(async () => {
      if (world.asksForEnds.length > 1) return null;
      await soon();
      reconciler?.heard('a', Date.now());
      return null;
    });
    reconciler = world.start();
    reconciler.gap([QUEUE], null);
    await until(() => world.outcomes.length === 1);
    expect(world.asksForEnds).toEqual(['a', 'a']);
  });

  test('is not taken from analytics while after-call work is pending', async () => {
    const world = aWorld();
    world.aRow('a', { afterCallWork: true });
    world.ended.add('a');
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length === 1);
    expect(world.asksForEnds).toEqual([]);
    expect(world.outcomes).toEqual(['snapshot a']);
  });
});

test('the bridge soon compares again, because a record from before the gap may reach the table late', async () => {
  const world = aWorld();
  world.ended.add('ended');
  world.isActive('asked');
  const heard = Date.now() - 5_000;
  world.start({ againAfterMs: 60 }).gap([QUEUE], null);
  await until(() => world.asked.length === 1);
  // A fold that was behind gets there: of one the end was missed, of another the agent, one came by socket just now.
  world.aRow('ended', { updatedAt: heard });
  world.aRow('answered', { updatedAt: heard, waiting: true, phase: 'waiting' });
  world.isActive('answered', 'oInteracting');
  world.aRow('new', { updatedAt: Date.now() + 10_000 });
  await until(() => world.outcomes.length === 3);
  expect(world.outcomes.sort()).toEqual(['snapshot answered', 'snapshot asked', 'snapshot ended']);
  const { values } = await world.metrics.missedByNotifications.get();
  expect(values.map(({ value }) => value)).toEqual([0]);
});

test('the next look comes in time, although the clock of the machine was set back by a day', async () => {
  const world = aWorld();
  const reconciler = world.start({ compareEveryMs: 100 });
  reconciler.gap([QUEUE], null);
  await until(() => world.looks() === 2);
  jest.setSystemTime(Date.now() - 86_400_000);
  await until(() => world.looks() === 3);
  world.refuseActivity(refusal(500, 'internal.error'));
  await until(() => world.looks() === 4);
  jest.setSystemTime(Date.now() - 86_400_000);
  reconciler.gap([QUEUE], null);
  await until(() => world.looks() === 5);
});

test('at the second look nothing is asked for again whose answer is on its way into the table', async () => {
  const world = aWorld();
  world.ended.add('ended');
  world.aRow('ended');
  world.start({ againAfterMs: 10 }).gap([QUEUE], null);
  await until(() => world.outcomes.length === 1);
  await until(() => world.looks() === 2);
  await soon();
  expect(world.asksForEnds).toEqual(['ended']);
});

test('what began in a gap and neither waits nor has an agent is found by its interval', async () => {
  const world = aWorld();
  world.aRow('known', { updatedAt: Date.now() + 5 });
  world.unended.push('known', 'in a voicemail');
  world.start().gap([QUEUE], Date.now() - 1_000);
  await until(() => world.outcomes.length === 2);
  expect(world.outcomes.sort()).toEqual(['snapshot in a voicemail', 'snapshot known']);
});

describe('an end', () => {
  test('a 404 of Genesys ends the row', async () => {
    const world = aWorld();
    world.aRow('a');
    world.answers(() => refusal(404, 'not.found'));
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length > 0);
    expect(world.outcomes).toEqual(['gone a']);
  });

  test.each([
    ['a missing answer', refusal(null, null)],
    ['a 500', refusal(500, 'internal.error')],
    ['a 403', refusal(403, 'missing.any.permissions')],
    ['the 404 of something between', refusal(404, null)],
  ])('%s ends no row', async (_, error) => {
    const world = aWorld();
    world.aRow('a');
    world.answers(() => error);
    const reconciler = world.start();
    reconciler.gap([QUEUE], null);
    await until(() => world.asked.length > 0);
    await soon();
    expect(world.outcomes).toEqual([]);
    expect(reconciler.pending()).toBe(1); // asked again later
  });

  test('is not that of another conversation', async () => {
    const world = aWorld();
    world.aRow('a');
    world.answers(() => ({ id: 'somebody else' }));
    world.start().gap([QUEUE], null);
    await until(() => world.asked.length > 0);
    await soon();
    expect(world.outcomes).toEqual([]);
  });
});

describe('an answer that is overtaken is dropped and asked for again', () => {
  test.each(['snapshot', 'gone'] as const)(
    'the bridge drops an answer that a notification overtook: %s',
    async (kind) => {
      const world = aWorld();
      world.aRow('a');
      let reconciler: Reconciler | null = null;
      world.answers(async (id) => {
        if (world.asked.length === 1) {
          await soon();
          reconciler?.heard('a', Date.now());
        }
        return kind === 'gone' ? refusal(404, 'not.found') : { id };
      });
      reconciler = world.start();
      reconciler.gap([QUEUE], null);
      await until(() => world.outcomes.length > 0);
      expect(world.asked).toEqual(['a', 'a']);
      expect(world.outcomes).toEqual([`${kind} a`]);
    },
  );

  test.each(['snapshot', 'gone'] as const)(
    'the bridge drops an answer that another bridge’s row overtook: %s',
    async (kind) => {
      const world = aWorld();
      world.aRow('a');
      world.answers(async (id) => {
        if (world.asked.length === 1) {
          await soon();
          world.aRow('a', { updatedAt: Date.now() });
        }
        return kind === 'gone' ? refusal(404, 'not.found') : { id };
      });
      world.start().gap([QUEUE], null);
      await until(() => world.outcomes.length > 0);
      expect(world.asked).toEqual(['a', 'a']);
      expect(world.outcomes).toEqual([`${kind} a`]);
    },
  );
});

test('the bridge repeats a request whose answer another bridge’s notification overtook on its way into the table', async () => {
  const world = aWorld();
  world.aRow('a');
  world.isActive('a');
  world.answers((id) => {
    // Produced by the other bridge before this answer, folded and read back only after it.
    if (world.asked.length === 1) setTimeout(() => world.aRow('a', { updatedAt: Date.now() }), 5);
    return { id };
  });
  world.start({ againAfterMs: 40 }).gap([QUEUE], null);
  await until(() => world.outcomes.length === 2);
  expect(world.outcomes).toEqual(['snapshot a', 'snapshot a']);
});

describe('from time to time, without a gap', () => {
  const now = { compareEveryMs: 20, graceMs: 40, silentVoiceMs: 10_000, silentDigitalMs: 20_000 };
  const first = async (world: ReturnType<typeof aWorld>): Promise<void> => {
    const reconciler = world.start(now);
    reconciler.gap(['none'], null);
    await soon();
    await soon();
  };

  test('what is live here and not there is asked for, and what is live there and not here', async () => {
    const world = aWorld();
    world.aRow('stuck');
    world.aRow('right');
    world.isActive('right');
    world.isActive('missed');
    world.answers((id) => {
      if (id === 'missed') world.aRow('missed');
      return { id };
    });
    await first(world);
    expect([...new Set(world.asked)].sort()).toEqual(['missed', 'stuck']);
  });

  test('what does something else there than here is asked for, once', async () => {
    const world = aWorld();
    world.aRow('answered', { waiting: true, phase: 'waiting' });
    world.aRow('waits', { waiting: true, phase: 'waiting' });
    world.isActive('answered', 'oInteracting');
    world.isActive('waits', 'oWaiting');
    await first(world);
    expect(world.asked).toEqual(['answered']);
  });

  test('what Genesys counts and has no row even so is asked for once', async () => {
    const world = aWorld();
    world.isActive('outbound');
    await first(world);
    await soon();
    expect(world.asked).toEqual(['outbound']);
  });

  test('what only has not arrived yet is left alone', async () => {
    const world = aWorld();
    world.aRow('new', { updatedAt: Date.now() + 10_000 });
    await first(world);
    expect(world.asked).toEqual([]);
  });

  test('a row that was silent for too long is asked for, calls sooner than others', async () => {
    const world = aWorld();
    for (const [id, mediaType, silentMs] of [
      ['call', 'Voice', 11_000],
      ['mail', 'Email', 11_000],
      ['old mail', 'Email', 21_000],
    ] as const) {
      world.aRow(id, { mediaType, updatedAt: Date.now() - silentMs });
      world.isActive(id);
    }
    await first(world);
    expect([...new Set(world.asked)].sort()).toEqual(['call', 'old mail']);
  });
});

describe('a row that went back to what it was before', () => {
  const now = (): number => Date.now();

  test('the bridge that heard of the conversation requests it first; another one does if the row stays as it is', async () => {
    const world = aWorld();
    for (const id of ['both', 'orphan']) world.aRow(id, { isBack: true });
    // The answer turns the row forward again.
    world.answers((id) => {
      world.aRow(id);
      return { id, participants: [] };
    });
    const timings = { againAfterMs: 1_000 };
    const [heard, other] = [world.start(timings), world.start(timings)];
    const at = now();
    heard.heard('both', at);
    other.heard('both', at - 12_000);
    for (const reconciler of [heard, other]) reconciler.wentBack('both', { readAt: at + 5, updatedAt: at });
    // Whoever heard of this one has ended.
    other.wentBack('orphan', { readAt: at + 5, updatedAt: at });
    await until(() => heard.pending() + other.pending() === 0);
    expect(world.asked).toEqual(['both', 'orphan']);
    expect(await world.reconciliations('moved-on')).toBe(1);
  });

  test('is not asked for once it has moved on, or where its queue is another share’s and nobody here heard of it', async () => {
    const world = aWorld();
    for (const id of ['moving', 'foreign']) world.aRow(id, { isBack: true });
    world.aRow('foreign', { isBack: true, queueId: 'of another share' });
    const reconciler = world.start({ againAfterMs: 300 });
    for (const id of ['moving', 'foreign']) reconciler.wentBack(id, { readAt: now(), updatedAt: now() });
    expect(reconciler.pending()).toBe(1);
    world.aRow('moving');
    await until(() => reconciler.pending() === 0);
    expect(world.asked).toEqual([]);
    expect(await world.reconciliations('moved-on')).toBe(1);
  });

  test('is asked for in any case where something else wants it, too', async () => {
    const world = aWorld();
    world.aRow('a', { isBack: true });
    const reconciler = world.start({ againAfterMs: 300, compareEveryMs: 10, graceMs: 5 });
    reconciler.wentBack('a', { readAt: now() });
    world.isActive('a', 'oWaiting');
    reconciler.gap([QUEUE], null);
    world.aRow('a');
    await until(() => world.outcomes.length > 0);
    expect(world.asked[0]).toBe('a');
  });

  test('is asked for after a gap, too, although it was heard of since', async () => {
    const world = aWorld();
    for (const [id, isBack] of [
      ['back', true],
      ['heard', false],
    ] as const) {
      world.aRow(id, { isBack });
      world.isActive(id);
    }
    const reconciler = world.start();
    reconciler.gap([QUEUE], null);
    for (const id of ['back', 'heard']) reconciler.heard(id, now() + 5);
    await until(() => world.outcomes.length === 1);
    await soon();
    expect(new Set(world.asked)).toEqual(new Set(['back']));
  });

  test('is asked for by who heard of it just before, where the clock of another bridge is ahead', async () => {
    const world = aWorld();
    world.aRow('a', { isBack: true });
    const reconciler = world.start();
    reconciler.heard('a', now());
    reconciler.wentBack('a', { readAt: now() });
    await until(() => world.outcomes.length === 1);
    expect(world.asked).toEqual(['a']);
  });

  test('is asked for once, however often it goes back meanwhile, and only after the window of duplicates', async () => {
    const world = aWorld();
    world.aRow('a', { isBack: true });
    const reconciler = world.start({ againAfterMs: 300 });
    reconciler.heard('a', now());
    for (let times = 0; times < 20; times += 1) reconciler.wentBack('a', { readAt: now(), updatedAt: now() - 1 });
    await soon();
    expect(world.asked).toEqual([]);
    await until(() => world.outcomes.length === 1);
    await soon();
    expect(world.asked).toEqual(['a']);
  });
});

describe('the clocks of others', () => {
  test('a row from a clock that is ahead is done with like any other, and asked for once', async () => {
    const world = aWorld();
    // What live-rows makes of a receive time in the future: when the row was read.
    world.aRow('a', { updatedAt: Date.now() - 1, isAhead: true });
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length === 1);
    await soon();
    expect(world.asked).toEqual(['a']);
  });
});

test('the bridge requests an erased conversation that is still live at Genesys once, not at each comparison', async () => {
  const world = aWorld();
  world.aRow('erased');
  world.isActive('erased');
  world.start({ compareEveryMs: 10, graceMs: 5 }).gap([QUEUE], null);
  await until(() => world.outcomes.length === 1);
  // The fold drops what comes within the marker of the erasure: there is no row, whatever Genesys answers.
  world.noRow('erased');
  const looks = world.looks();
  await until(() => world.looks() >= looks + 5);
  expect(world.asked).toEqual(['erased']);
});

describe('what is remembered', () => {
  test('shrinks while Genesys refuses everything', async () => {
    const world = aWorld();
    world.answers(() => refusal(503, null));
    world.refuseActivity(refusal(503, null));
    const reconciler = world.start({ silentVoiceMs: 20, compareEveryMs: 20 });
    for (let n = 0; n < 5_000; n += 1) reconciler.heard(`c${n}`, Date.now());
    await until(() => reconciler.remembered() === 0);
  });

  test('an id that leads elsewhere in a path, or fits into none, is never asked for', async () => {
    const world = aWorld();
    for (const id of ['.', '..', '...', 'x'.repeat(300), '\ud800']) world.aRow(id);
    world.aRow('good');
    world.start().gap([QUEUE], null);
    await until(() => world.outcomes.length === 1);
    await soon();
    expect(world.asked).toEqual(['good']);
    expect(world.asksForEnds.join()).toMatch(/^(good)?$/);
  });
});

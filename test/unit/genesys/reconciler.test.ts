import { afterEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { GenesysError } from '../../../src/genesys/errors';
import {
  DEFAULT_RECONCILIATION,
  startReconciler,
  type LiveRow,
  type Reconciler,
} from '../../../src/genesys/reconciler';
import type { RateLimit, Rest, RestRequest } from '../../../src/genesys/rest';
import { createMetrics } from '../../../src/ops/metrics';

const QUEUE = 'q1';
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
  let limit: RateLimit | null = null;
  let answer: (id: string) => unknown = (id) => ({ id, participants: [] });
  const metrics = createMetrics();

  const rest: Rest = {
    send: async <T>({ path, method, answer: shape }: RestRequest<T>): Promise<T> => {
      await Promise.resolve();
      if (method === 'POST') {
        const entities = [...active].map(([conversationId, metric]) => ({ conversationId, metric }));
        return shape.parse({ results: [{ group: { queueId: QUEUE }, entities }] });
      }
      const id = path.split('/').at(-1) ?? '';
      asked.push(id);
      const body = await answer(id);
      if (body instanceof Error) throw body;
      return shape.parse(body);
    },
    limit: () => limit,
    stop: () => Promise.resolve(),
  };
  const start = (timings: Partial<typeof DEFAULT_RECONCILIATION> = {}): Reconciler => {
    const reconciler = startReconciler({
      rest,
      queueIds: [QUEUE],
      timings: { ...DEFAULT_RECONCILIATION, requestEveryMs: 1, againAfterMs: 10, ...timings },
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
    outcomes,
    start,
    aRow: (conversationId: string, more: Partial<LiveRow> = {}) =>
      void rows.set(conversationId, {
        ...{ conversationId, queueId: QUEUE, mediaType: 'Voice', waiting: false, updatedAt: Date.now() - 1_000 },
        ...more,
      }),
    isActive: (conversationId: string, metric = 'oInteracting') => void active.set(conversationId, metric),
    answers: (next: typeof answer) => void (answer = next),
    limits: (next: RateLimit) => void (limit = next),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));

describe('after a gap', () => {
  test('everything of its queues is asked for, what waits first', async () => {
    const world = aWorld();
    world.aRow('talks');
    world.aRow('waits', { waiting: true });
    world.isActive('began', 'oWaiting');
    world.isActive('talks');
    world.start().gap([QUEUE]);
    await until(() => world.outcomes.length === 3);
    expect(world.asked.slice(0, 2).sort()).toEqual(['began', 'waits']);
    expect(world.outcomes.sort()).toEqual(['snapshot began', 'snapshot talks', 'snapshot waits']);
  });

  test('rows of queues without a gap are left alone', async () => {
    const world = aWorld();
    world.aRow('other', { queueId: 'q2' });
    world.aRow('own');
    world.start().gap([QUEUE]);
    await until(() => world.outcomes.length === 1);
    await soon();
    expect(world.asked).toEqual(['own']);
  });

  test('what has been heard of since needs no request', async () => {
    const world = aWorld();
    world.aRow('a');
    world.aRow('b');
    const reconciler = world.start();
    reconciler.gap([QUEUE]);
    reconciler.heard('a', Date.now() + 1);
    await until(() => world.outcomes.length === 1);
    await soon();
    expect(world.asked).toEqual(['b']);
  });

  test('only so many requests are made that some of the minute are left', async () => {
    const world = aWorld();
    world.aRow('a');
    const reconciler = world.start();
    world.limits({ remaining: 10, resetsAt: Date.now() + 80 });
    const before = Date.now();
    reconciler.gap([QUEUE]);
    await until(() => world.outcomes.length === 1);
    expect(Date.now() - before).toBeGreaterThanOrEqual(70);
  });
});

describe('an end', () => {
  test('is a 404 of Genesys', async () => {
    const world = aWorld();
    world.aRow('a');
    world.answers(() => refusal(404, 'not.found'));
    world.start().gap([QUEUE]);
    await until(() => world.outcomes.length > 0);
    expect(world.outcomes).toEqual(['gone a']);
  });

  test.each([
    ['no answer', refusal(null, null)],
    ['a 500', refusal(500, 'internal.error')],
    ['a 403', refusal(403, 'missing.any.permissions')],
    ['the 404 of something between', refusal(404, null)],
  ])('is not %s', async (_, error) => {
    const world = aWorld();
    world.aRow('a');
    world.answers(() => error);
    const reconciler = world.start();
    reconciler.gap([QUEUE]);
    await until(() => world.asked.length > 0);
    await soon();
    expect(world.outcomes).toEqual([]);
    expect(reconciler.pending()).toBe(1); // asked again later
  });

  test('is not that of another conversation', async () => {
    const world = aWorld();
    world.aRow('a');
    world.answers(() => ({ id: 'somebody else' }));
    world.start().gap([QUEUE]);
    await until(() => world.asked.length > 0);
    await soon();
    expect(world.outcomes).toEqual([]);
  });
});

describe('an answer that is overtaken is dropped and asked for again', () => {
  test.each(['snapshot', 'gone'] as const)(
    'by a notification that came after the request was sent: %s',
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
      reconciler.gap([QUEUE]);
      await until(() => world.outcomes.length > 0);
      expect(world.asked).toEqual(['a', 'a']);
      expect(world.outcomes).toEqual([`${kind} a`]);
    },
  );

  test.each(['snapshot', 'gone'] as const)('by what another bridge has brought into the table: %s', async (kind) => {
    const world = aWorld();
    world.aRow('a');
    world.answers(async (id) => {
      if (world.asked.length === 1) {
        await soon();
        world.aRow('a', { updatedAt: Date.now() });
      }
      return kind === 'gone' ? refusal(404, 'not.found') : { id };
    });
    world.start().gap([QUEUE]);
    await until(() => world.outcomes.length > 0);
    expect(world.asked).toEqual(['a', 'a']);
    expect(world.outcomes).toEqual([`${kind} a`]);
  });
});

describe('from time to time, without a gap', () => {
  const now = { compareEveryMs: 20, graceMs: 40, silentVoiceMs: 10_000, silentDigitalMs: 20_000 };
  const first = async (world: ReturnType<typeof aWorld>): Promise<void> => {
    const reconciler = world.start(now);
    reconciler.gap(['none']);
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
    expect([...new Set(world.asked)].sort()).toEqual(['call', 'old%20mail']);
  });
});

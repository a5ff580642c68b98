import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createPartitionFold, DEFAULT_FOLD_SETTINGS } from '../../../src/conversation';
import type { LiveRow } from '../../../src/genesys/reconciliation/comparison';
import { startReconciler } from '../../../src/genesys/reconciliation/reconciler';
import { DEFAULT_RECONCILIATION } from '../../../src/genesys/reconciliation/reconciliation-options';
import type { Rest, RestRequest } from '../../../src/genesys/rest/rest';
import { createMetrics } from '../../../src/ops';
import { readLine } from '../../support/conversation/read-line';
import { untilOnFakeClock, useFakeClock } from '../../support/jest/fake-clock';

useFakeClock();

/** What happens to one e-mail between the moment at which it is asked for and the answer's way into the table. */
type Step = 'served' | 'answered' | 'parked' | 'heard' | 'heard by another' | 'read back';

const AFTER: Partial<Record<Step, Step>> = { answered: 'served', heard: 'parked', 'heard by another': 'parked' };

/** All orders in which each step comes after that which it needs. */
function ordersOf(steps: readonly Step[]): Step[][] {
  if (steps.length === 0) return [[]];
  return steps.flatMap((last) => {
    if (steps.some((other) => AFTER[other] === last)) return [];
    return ordersOf(steps.filter((step) => step !== last)).map((order) => [...order, last]);
  });
}

/** Parked or connected: the same progress, so no rank can tell which is later. */
const emailIn = (state: string): string =>
  JSON.stringify({
    id: 'c',
    participants: [
      {
        ...{ id: 'acd', purpose: 'acd', queueId: 'q', connectedTime: '2026-03-02T09:00:00Z' },
        emails: [{ id: 'e1', state: 'disconnected', connectedTime: '2026-03-02T09:00:00Z' }],
      },
      {
        ...{ id: 'agent', purpose: 'agent', userId: 'u', connectedTime: '2026-03-02T09:01:00Z' },
        emails: [{ id: 'e2', state, connectedTime: '2026-03-02T09:01:00Z' }],
      },
    ],
  });

/** A millisecond of the test is a second to the fold: its window of duplicates is 10 s long. */
const BEGAN = Date.now();
const toFoldTime = (at: number): number => BEGAN + (at - BEGAN) * 1_000;
const fromFoldTime = (at: number): number => BEGAN + (at - BEGAN) / 1_000;

/** A log, its fold, and the table as the bridge that asks has read it back. */
function aTable() {
  const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  let now: LiveRow | null = null;
  let seen: LiveRow | null = null;
  let state = '';
  return {
    produce(body: string, receivedAt: number) {
      const read = readLine(Buffer.from(body), toFoldTime(receivedAt));
      if (read?.kind !== 'event') throw new Error('no event');
      for (const { row } of fold.apply(read.event).records) {
        if (row === null) throw new Error('it never ends');
        state = row.state ?? '';
        now = {
          ...{ conversationId: 'c', queueId: row.queue_id, mediaType: row.media_type, sessionId: row.session_id },
          ...{ waiting: row.waiting, phase: null, afterCallWork: false, updatedAt: fromFoldTime(row.db_last_updated) },
        };
      }
    },
    readBack: () => void (seen = now),
    seen: () => seen,
    state: () => state,
  };
}

async function play(order: readonly Step[]): Promise<string> {
  const table = aTable();
  let atGenesys = 'connected';
  let served = '';
  let asks = 0;
  let asked: () => void = () => undefined;
  const firstAsk = new Promise<void>((resolve) => (asked = resolve));
  let answer: () => void = () => undefined;
  const firstAnswer = new Promise<void>((resolve) => (answer = resolve));

  table.produce(emailIn('connected'), Date.now());
  table.readBack();
  // The answer must not be taken for its duplicate.
  await sleep(15);
  const rest: Rest = {
    send: async <T>({ path, answer: shape, onAttempt }: RestRequest<T>): Promise<T> => {
      onAttempt?.(Date.now());
      if (path.includes('analytics')) return shape.parse({ results: [], conversations: [] });
      asks += 1;
      if (asks > 1) return shape.parse(JSON.parse(emailIn(atGenesys)));
      asked();
      await firstAnswer;
      return shape.parse(JSON.parse(served));
    },
    limit: () => null,
    clockOffsetMs: () => 0,
    stop: () => Promise.resolve(),
  };
  const reconciler = startReconciler({
    ...{ rest, watched: () => new Set(['q']), isOwn: () => true, metrics: createMetrics() },
    timings: { ...DEFAULT_RECONCILIATION, againAfterMs: 20 },
    logger: pino({ enabled: false }),
    caughtUp: Promise.resolve(),
    live: () => [table.seen()].flatMap((row) => row ?? []),
    row: () => table.seen(),
    onSnapshot: table.produce,
    onGone: () => undefined,
  });
  reconciler.gap(['q'], null);
  await firstAsk;
  const steps: Readonly<Record<Step, () => void>> = {
    served: () => void (served = emailIn(atGenesys)),
    answered: answer,
    parked: () => void (atGenesys = 'parked'),
    heard() {
      table.produce(emailIn('parked'), Date.now());
      reconciler.heard('c', Date.now());
    },
    'heard by another': () => table.produce(emailIn('parked'), Date.now()),
    'read back': table.readBack,
  };
  for (const step of order) {
    await sleep(2);
    steps[step]();
  }
  // Kafka is never that slow: from now on everything is read back at once, and what is doubtful is asked for again.
  for (let rounds = 0; rounds < 60; rounds += 1) {
    table.readBack();
    await sleep(10);
  }
  await reconciler.stop();
  return table.state();
}

test.each([
  ['one bridge', ['served', 'answered', 'parked', 'heard', 'read back']],
  ['two bridges', ['served', 'answered', 'parked', 'heard', 'heard by another', 'read back']],
  ['two bridges, of which only the other hears', ['served', 'answered', 'parked', 'heard by another', 'read back']],
] as const)('an answer never takes back what came by socket, in whatever order: %s', async (_, steps) => {
  const orders = ordersOf(steps);
  expect(orders.length).toBeGreaterThanOrEqual(30);
  const ends: { order: readonly Step[]; state: string }[] = [];
  for (const order of orders) void play(order).then((state) => ends.push({ order, state }));
  await untilOnFakeClock(() => ends.length === orders.length);
  expect(ends.filter(({ state }) => state !== 'parked')).toEqual([]);
});

import { batch, computed, effect, signal } from '@preact/signals';
import { about, ask, conversations, inNextTask, lines, messageOf, now, openQueue, part, Refused, stale } from './live';
import type { Conversation, Line } from './model';
import { byQueue } from './queues';

/** Time travel: the whole board as it was at an instant. */

export const SPEEDS = [1, 10, 60] as const;
export type Speed = (typeof SPEEDS)[number];

/** Null: the present. */
const target = signal<number | null>(null);
export const speed = signal<Speed | 0>(0);
export const problem = signal<string | null>(null);
const shown = signal<{
  readonly at: number;
  readonly lines: readonly Line[];
  readonly queueId: string | null;
  readonly conversations: readonly Conversation[];
} | null>(null);

/** The instant that the user chose; null: the present. */
export const travelTo = computed(() => target.value);
/** The instant of the numbers on the page; null: none yet. */
export const shownAt = computed(() => (target.value === null ? now.value : (shown.value?.at ?? null)));
/** The end of running durations: it stands still while the picture is not current. */
export const clock = computed(() =>
  target.value === null ? (stale.value?.since ?? now.value) : (shown.value?.at ?? target.value),
);
/** Null: not received yet. */
export const currentLines = computed((): readonly Line[] | null => {
  if (target.value !== null) return shown.value?.lines ?? null;
  return lines.value === null ? null : [...lines.value.values()];
});
/** The conversations of the open queue. Null: not received yet. */
export const currentConversations = computed((): readonly Conversation[] | null => {
  if (target.value === null) return conversations.value === null ? null : [...conversations.value.values()];
  return shown.value?.queueId === openQueue.value ? shown.value.conversations : null;
});

/** Without a history there is only the present. */
export function goTo(at: number): void {
  if (about.peek()?.history !== true) return;
  const oldest = about.peek()?.oldest ?? now.peek();
  target.value = Math.round(Math.min(Math.max(at, oldest), now.peek()));
}

export function step(ms: number): void {
  goTo((target.peek() ?? now.peek()) + ms);
}

/** Plays the past at a speed; a second call with the same speed pauses. */
export function play(wanted: Speed): void {
  if (target.peek() === null) step(-60_000);
  if (target.peek() !== null) speed.value = speed.peek() === wanted ? 0 : wanted;
}

export function goLive(): void {
  batch(() => {
    target.value = null;
    speed.value = 0;
    shown.value = null;
    problem.value = null;
  });
}

const AGAIN_MS = 2_000;

let asking = false;
/** After an error the page asks again at this time, and no earlier, however often the instant changes. */
let again: ReturnType<typeof setTimeout> | null = null;
async function askOnce(): Promise<void> {
  // One question at a time: when its answer arrives, the next one asks for the newest instant.
  if (asking || again !== null) return;
  asking = true;
  try {
    for (;;) {
      const [at, queueId] = [target.peek(), openQueue.peek()];
      if (at === null) return;
      const [queues, open] = await Promise.all([
        ask<{ readonly lines: readonly Line[] }>(`api/queues?at=${at}`),
        queueId === null
          ? { conversations: [] }
          : ask<{ readonly conversations: readonly Conversation[] }>(
              `api/conversations?queue=${encodeURIComponent(queueId)}&at=${at}`,
            ),
      ]);
      await prepared(queues.lines);
      if (target.peek() === null) return;
      batch(() => {
        shown.value = { at, lines: queues.lines, queueId, conversations: open.conversations };
        problem.value = null;
      });
      if (target.peek() === at && openQueue.peek() === queueId) return;
    }
  } catch (error) {
    if (target.peek() === null) return;
    problem.value = messageOf(error);
    const waitMs = Math.max(AGAIN_MS, error instanceof Refused ? error.againMs : 0);
    again = setTimeout(() => {
      again = null;
      void askOnce();
    }, waitMs);
  } finally {
    asking = false;
  }
}

const QUEUES_PER_TASK = 100;

/** Counts the lines of one answer in many tasks. */
async function prepared(lines: readonly Line[]): Promise<void> {
  const queues = [...byQueue(lines).values()];
  for (let from = 0; from + QUEUES_PER_TASK < queues.length; from += QUEUES_PER_TASK) {
    part.value = queues.slice(from, from + QUEUES_PER_TASK).flat();
    await new Promise<void>((resolve) => inNextTask(resolve));
  }
}

export function startTravel(): void {
  effect(() => {
    if (target.value !== null || openQueue.value !== null) void askOnce();
  });
  const STEP_MS = 500;
  setInterval(() => {
    if (speed.peek() === 0 || target.peek() === null) return;
    const next = (target.peek() ?? 0) + speed.peek() * STEP_MS;
    if (next >= now.peek()) goLive();
    else target.value = Math.round(next);
  }, STEP_MS);
}

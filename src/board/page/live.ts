import { computed, effect, signal } from '@preact/signals';
import type { About, Conversation, Line } from './model';

/** What the server sends, and how old it is. */

interface PictureEvent {
  readonly full: boolean;
  readonly at: number;
  readonly lines: readonly Line[];
  readonly queue: {
    readonly queueId: string;
    readonly full: boolean;
    readonly rows: readonly Conversation[];
    readonly gone: readonly string[];
  } | null;
}
interface BeatEvent {
  readonly at: number;
  readonly ageMs: number | null;
  readonly problem: string | null;
}

/** The stream says something once a second; a picture older than this is not shown as the present. */
const STALE_MS = 2_500;

export const about = signal<About | null>(null);
export const lines = signal<ReadonlyMap<string, Line>>(new Map());
export const conversations = signal<ReadonlyMap<string, Conversation>>(new Map());
/** The queue whose conversations are wanted; null: none. */
export const openQueue = signal<string | null>(null);

const lastBeat = signal<(BeatEvent & { readonly receivedAt: number }) | null>(null);
/** The browser's clock, every half a second. */
const tick = signal(Date.now());
/** The server's clock minus the browser's. */
const skew = signal(0);

export const now = computed(() => tick.value + skew.value);

/** Null: the picture is the present. Else since when it is not, and why. */
export const stale = computed((): { readonly since: number | null; readonly why: string } | null => {
  const beat = lastBeat.value;
  if (beat === null) return { since: null, why: 'connecting' };
  const silence = tick.value - beat.receivedAt;
  if (silence > STALE_MS) return { since: beat.receivedAt + skew.value, why: 'the board’s server does not answer' };
  if (beat.ageMs === null) return { since: null, why: beat.problem ?? 'the table is being read' };
  if (beat.problem !== null || beat.ageMs > STALE_MS) {
    return { since: beat.at - beat.ageMs, why: beat.problem ?? 'the table lags behind' };
  }
  return null;
});

/** How old the picture is, ms. */
export const age = computed(() => {
  const beat = lastBeat.value;
  return beat?.ageMs == null ? null : beat.ageMs + Math.max(0, tick.value - beat.receivedAt);
});

const lineKey = ({ queueId, media }: Line) => `${queueId}\u0000${media ?? ''}`;

function onPicture({ full, lines: changed, queue }: PictureEvent): void {
  if (full || changed.length > 0) {
    const next = full ? new Map<string, Line>() : new Map(lines.peek());
    for (const line of changed) next.set(lineKey(line), line);
    lines.value = next;
  }
  if (queue === null || queue.queueId !== openQueue.peek()) return;
  if (!queue.full && queue.rows.length === 0 && queue.gone.length === 0) return;
  const next = queue.full ? new Map<string, Conversation>() : new Map(conversations.peek());
  for (const id of queue.gone) next.delete(id);
  for (const row of queue.rows) next.set(row.id, row);
  conversations.value = next;
}

function onBeat(beat: BeatEvent): void {
  skew.value = beat.at - Date.now();
  lastBeat.value = { ...beat, receivedAt: Date.now() };
}

function connect(queueId: string | null): () => void {
  const query = queueId === null ? '' : `?queue=${encodeURIComponent(queueId)}`;
  const source = new EventSource(`api/live${query}`);
  source.addEventListener('picture', (event) => onPicture(JSON.parse(event.data as string) as PictureEvent));
  source.addEventListener('beat', (event) => onBeat(JSON.parse(event.data as string) as BeatEvent));
  // The browser tries again by itself, but not after an answer that is no stream (a proxy's error page).
  let retry: ReturnType<typeof setTimeout> | undefined;
  let again = () => {};
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) retry = setTimeout(() => (again = connect(queueId)), 2_000);
  });
  return () => {
    clearTimeout(retry);
    source.close();
    again();
  };
}

/** Begins to listen; again whenever another queue is open, or a tab wakes up whose stream has died. */
export function startLive(): void {
  setInterval(() => (tick.value = Date.now()), 500);
  let close = () => {};
  effect(() => {
    const queueId = openQueue.value;
    conversations.value = new Map();
    close();
    close = connect(queueId);
  });
  document.addEventListener('visibilitychange', () => {
    tick.value = Date.now();
    if (document.visibilityState !== 'visible' || stale.peek() === null) return;
    close();
    close = connect(openQueue.peek());
  });
  void learnAbout();
}

const ABOUT_AGAIN_MS = 5_000;

/** Until ClickHouse has something to show; where there is none, once. */
async function learnAbout(): Promise<void> {
  for (;;) {
    const answer = await ask<About>('api/about').catch(() => null);
    if (answer !== null) about.value = answer;
    if (answer !== null && (!answer.history || answer.oldest !== null)) return;
    await new Promise((resolve) => setTimeout(resolve, ABOUT_AGAIN_MS));
  }
}

export class Refused extends Error {}

/** @throws Refused with the server's words */
export async function ask<T>(path: string, signalToStop?: AbortSignal): Promise<T> {
  const response = await fetch(path, signalToStop === undefined ? {} : { signal: signalToStop });
  const body = (await response.json()) as T & { readonly message?: string };
  if (!response.ok) throw new Refused(body.message ?? `The server answered ${response.status}.`);
  return body;
}

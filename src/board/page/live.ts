import { batch, computed, effect, signal } from '@preact/signals';
import type { About, BeatEvent, Conversation, Line, PictureEvent } from './model';

/** What the server sends, and how old it is. */

/** The stream says something once a second. A picture older than this is not shown as the present. */
const STALE_MS = 2_600;
/** STALE_MS and one tick are less than three seconds. */
const TICK_MS = 200;
/** A page in which nothing has run for so long was asleep: what arrives now may be what was sent then. */
const SLEPT_MS = 5_000;
/** A stream that has said nothing for so long is opened again: a connection without a network never ends by itself. */
const REOPEN_MS = 6_000;

export const about = signal<About | null>(null);
/** Null: nothing has been received yet. */
export const lines = signal<ReadonlyMap<string, Line> | null>(null);
/** Of the open queue. Null: nothing has been received yet. */
export const conversations = signal<ReadonlyMap<string, Conversation> | null>(null);
/** The queue whose conversations are wanted; null: none. */
export const openQueue = signal<string | null>(null);

const lastBeat = signal<BeatEvent | null>(null);
/** Nothing has been heard since this page slept. */
const slept = signal(false);
/** The browser's clock. */
const tick = signal(Date.now());
/** The server's clock minus the browser's. */
const skew = signal(0);

/** The server's clock, in half seconds: clocks and durations follow it. */
export const now = computed(() => Math.floor((tick.value + skew.value) / 500) * 500);
export const minute = computed(() => Math.floor(now.value / 60_000) * 60_000);

/** How old the picture is, ms. Null: there is none yet. */
export const age = computed(() => {
  const beat = lastBeat.value;
  return beat === null || beat.ageMs === null ? null : Math.max(0, tick.value + skew.value - beat.at + beat.ageMs);
});

export interface Stale {
  /** The instant that the picture is of; null: there is none. */
  readonly since: number | null;
  readonly why: string;
}

const staleText = computed((): string | null => {
  const beat = lastBeat.value;
  const old = age.value;
  if (beat === null) return 'the page connects';
  if (slept.value) return 'this tab was asleep';
  if (old === null) return beat.problem ?? 'the board reads the table';
  if (beat.problem !== null) return beat.problem;
  if (old <= STALE_MS) return null;
  return old - (beat.ageMs ?? 0) > TICK_MS + 1_000 ? 'the board’s server does not answer' : 'the table lags behind';
});

/** Null: the picture is the present. Else since when it is not, and why. */
export const stale = computed((): Stale | null => {
  const beat = lastBeat.value;
  const why = staleText.value;
  return why === null ? null : { since: beat === null || beat.ageMs === null ? null : beat.at - beat.ageMs, why };
});

/** Lines of a picture that is arriving. Nobody sees it before it is complete; what it costs can be spent now. */
export const part = signal<readonly Line[]>([]);
let arriving: Map<string, Line> | null = null;
let arrivingConversations: Map<string, Conversation> | null = null;

const lineKey = ({ queueId, media }: Line) => `${queueId}\u0000${media ?? ''}`;

function onPicture({ full, more, lines: changed, queue }: PictureEvent): void {
  if (full || changed.length > 0 || lines.peek() === null) {
    const next = full ? new Map<string, Line>() : (arriving ?? new Map<string, Line>(lines.peek()));
    for (const line of changed) next.set(lineKey(line), line);
    arriving = next;
  }
  if (queue !== null) onConversations(queue);
  if (more) {
    part.value = changed;
    return;
  }
  batch(() => {
    if (arriving !== null) lines.value = arriving;
    if (arrivingConversations !== null) conversations.value = arrivingConversations;
  });
  forgetParts();
}

function onConversations({ queueId, full, rows, gone }: NonNullable<PictureEvent['queue']>): void {
  if (queueId !== openQueue.peek() || (!full && rows.length === 0 && gone.length === 0)) return;
  const next = full ? new Map<string, Conversation>() : (arrivingConversations ?? new Map(conversations.peek()));
  for (const id of gone) next.delete(id);
  for (const row of rows) next.set(row.id, row);
  arrivingConversations = next;
}

/** Of a picture that was cut off, the rest never comes. */
function forgetParts(): void {
  arriving = null;
  arrivingConversations = null;
}

const { port1, port2 } = new MessageChannel();
const tasks: (() => void)[] = [];
port1.onmessage = () => tasks.shift()?.();

/** In order. Reading many queues and showing them are different tasks, so that none keeps the page for long. */
export function inNextTask(task: () => void): void {
  tasks.push(task);
  port2.postMessage(null);
}

/** One stream. It is reopened whenever what it brings may be old. */
class Stream {
  readonly #source: EventSource;
  #isFresh = false;
  #heardAt = Date.now();

  constructor(queueId: string | null, reopen: () => void) {
    const query = queueId === null ? '' : `?queue=${encodeURIComponent(queueId)}`;
    this.#source = new EventSource(`api/live${query}`);
    this.#source.addEventListener('open', () => {
      this.#isFresh = true;
      this.#heardAt = Date.now();
      // Also the browser's own next try.
      inNextTask(forgetParts);
    });
    const on = (name: string, take: (data: unknown) => void): void =>
      this.#source.addEventListener(name, (event) => {
        const data: unknown = JSON.parse(event.data as string);
        inNextTask(() => {
          if (this.#source.readyState === EventSource.CLOSED) return;
          if (hasSlept()) {
            reopen();
            return;
          }
          this.#heardAt = Date.now();
          take(data);
        });
      });
    on('picture', (data) => {
      const picture = data as PictureEvent;
      // The first beat comes after the first picture, whose waits are counted by the server's clock, too.
      if (lastBeat.peek() === null) skew.value = picture.at - Date.now();
      onPicture(picture);
    });
    on('beat', (data) => this.#onBeat(data as BeatEvent));
  }

  /**
   * The first beat of a stream was sent just now. A later one may have waited on its way: it counts from when it was
   * sent, by the least delay that was seen.
   */
  #onBeat(beat: BeatEvent): void {
    const offset = beat.at - Date.now();
    skew.value = this.#isFresh ? offset : Math.max(skew.peek(), offset);
    this.#isFresh = false;
    lastBeat.value = beat;
    slept.value = false;
    tick.value = Date.now();
  }

  /** Whether to open another one: the browser tries again by itself only where there was a stream and no error page. */
  isLost(): boolean {
    const silence = Date.now() - this.#heardAt;
    if (this.#source.readyState === EventSource.CLOSED) return silence > 2_000;
    return silence > REOPEN_MS || (age.peek() ?? 0) > REOPEN_MS;
  }

  close(): void {
    this.#source.close();
  }
}

let aliveAt = Date.now();
function hasSlept(): boolean {
  const gap = Date.now() - aliveAt;
  aliveAt = Date.now();
  if (gap <= SLEPT_MS) return false;
  slept.value = true;
  tick.value = aliveAt;
  return true;
}

/** Begins to listen; again whenever another queue is open, the page wakes up, or the stream is lost. */
export function startLive(): void {
  let stream: Stream | null = null;
  let openedAt = 0;
  const open = (): void => {
    stream?.close();
    openedAt = Date.now();
    stream = new Stream(openQueue.peek(), open);
  };
  effect(() => {
    if (openQueue.value !== null) conversations.value = null;
    open();
  });
  const look = (): void => {
    if (hasSlept()) open();
    tick.value = Date.now();
    if (Math.abs(tick.value - openedAt) > REOPEN_MS && stream?.isLost() === true) open();
  };
  setInterval(look, TICK_MS);
  document.addEventListener('visibilitychange', look);
  // What a frozen tab shows is what its owner sees first.
  document.addEventListener('freeze', () => (slept.value = true));
  document.addEventListener('resume', () => {
    aliveAt = 0;
    look();
  });
  void learnAbout();
}

const ABOUT_AGAIN_MS = 5_000;
/** ClickHouse forgets what is older than the retention, also while a page stays open for months. */
const OLDEST_AGAIN_MS = 10 * 60_000;

/** Soon again until ClickHouse has something to show; where there is none, once. */
async function learnAbout(): Promise<void> {
  for (;;) {
    const answer = await ask<About>('api/about').catch(() => null);
    if (answer !== null) about.value = answer;
    if (answer?.history === false) return;
    const hasPast = answer !== null && answer.oldest !== null;
    await new Promise((resolve) => setTimeout(resolve, hasPast ? OLDEST_AGAIN_MS : ABOUT_AGAIN_MS));
  }
}

export class Refused extends Error {}

/** @throws Refused with the server's words, or when it does not answer */
export async function ask<T>(path: string, signalToStop?: AbortSignal): Promise<T> {
  const init = signalToStop === undefined ? {} : { signal: signalToStop };
  const response = await fetch(path, init).catch((error: unknown) => {
    throw signalToStop?.aborted === true ? error : new Refused('The board’s server does not answer.');
  });
  const body = (await response.json()) as T & { readonly message?: string };
  if (!response.ok) throw new Refused(body.message ?? `The board’s server answered ${response.status}.`);
  return body;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

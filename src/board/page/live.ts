import { batch, computed, effect, signal } from '@preact/signals';
import type { About, BeatEvent, Conversation, Line, PictureEvent } from './model';

/** The data from the server, and their age. */

/** The stream sends a beat once a second. The page does not show an older picture as the present. */
const STALE_MS = 2_600;
/** STALE_MS and one tick together are less than three seconds. */
const TICK_MS = 200;
/** If nothing has run in a page for this long, it was asleep, and data that arrive now may be that old. */
const SLEPT_MS = 5_000;
/** The page reopens a stream that is silent for this long: a connection without a network does not end on its own. */
const REOPEN_MS = 6_000;

export const about = signal<About | null>(null);
/** Null: no picture has arrived yet. */
export const lines = signal<ReadonlyMap<string, Line> | null>(null);
/** The conversations of the open queue. Null: none have arrived yet. */
export const conversations = signal<ReadonlyMap<string, Conversation> | null>(null);
/** The queue whose conversations the page wants; null: none. */
export const openQueue = signal<string | null>(null);

const lastBeat = signal<BeatEvent | null>(null);
/** No data have arrived since this page slept. */
const slept = signal(false);
/** The browser's clock. */
const tick = signal(Date.now());
/** The server's clock minus the browser's. */
const skew = signal(0);

/** The server's clock, in half seconds. Clocks and durations on the page follow it. */
export const now = computed(() => Math.floor((tick.value + skew.value) / 500) * 500);
export const minute = computed(() => Math.floor(now.value / 60_000) * 60_000);

/** The age of the picture, ms. Null: there is none yet. */
export const age = computed(() => {
  const beat = lastBeat.value;
  return beat === null || beat.ageMs === null ? null : Math.max(0, tick.value + skew.value - beat.at + beat.ageMs);
});

export interface Stale {
  /** The instant of the picture; null: there is none. */
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

/** Null: the picture is current. Otherwise why it is not, and since when. */
export const stale = computed((): Stale | null => {
  const beat = lastBeat.value;
  const why = staleText.value;
  return why === null ? null : { since: beat === null || beat.ageMs === null ? null : beat.at - beat.ageMs, why };
});

/**
 * Lines of a picture that is still arriving. They stay hidden until it is complete, but the page can count and sort
 * them already.
 */
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

/** A picture that was cut off never gets its other parts. */
function forgetParts(): void {
  arriving = null;
  arrivingConversations = null;
}

const { port1, port2 } = new MessageChannel();
const tasks: (() => void)[] = [];
port1.onmessage = () => tasks.shift()?.();

/**
 * Runs tasks in order. Reading many queues and showing them are separate tasks, so that none blocks the page for long.
 */
export function inNextTask(task: () => void): void {
  tasks.push(task);
  port2.postMessage(null);
}

/** One stream. The page reopens it whenever its data may be old. */
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
      // Also after the browser's own reconnection.
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
      // The first beat comes after the first picture, but the picture's waits need the server's clock, too.
      if (lastBeat.peek() === null) skew.value = picture.at - Date.now();
      onPicture(picture);
    });
    on('beat', (data) => this.#onBeat(data as BeatEvent));
  }

  /**
   * The first beat of a stream was sent just now. A later one may have been delayed, so its time of sending counts,
   * with the least delay of all beats.
   */
  #onBeat(beat: BeatEvent): void {
    const offset = beat.at - Date.now();
    skew.value = this.#isFresh ? offset : Math.max(skew.peek(), offset);
    this.#isFresh = false;
    lastBeat.value = beat;
    slept.value = false;
    tick.value = Date.now();
  }

  /** Whether to open another stream: the browser reconnects only if a stream existed and no error page came. */
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

/** Opens the stream, and opens it again when another queue opens, the page wakes up, or the stream is lost. */
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
  // The user first sees what a frozen tab shows, so it must not look current.
  document.addEventListener('freeze', () => (slept.value = true));
  document.addEventListener('resume', () => {
    aliveAt = 0;
    look();
  });
  void learnAbout();
}

const ABOUT_AGAIN_MS = 5_000;
/** ClickHouse forgets data beyond the retention, also while a page stays open for months. */
const OLDEST_AGAIN_MS = 10 * 60_000;

/** Asks again soon until ClickHouse has something to show; without ClickHouse, asks once. */
async function learnAbout(): Promise<void> {
  for (;;) {
    const answer = await ask<About>('api/about').catch(() => null);
    if (answer !== null) about.value = answer;
    if (answer?.history === false) return;
    const hasPast = answer !== null && answer.oldest !== null;
    await new Promise((resolve) => setTimeout(resolve, hasPast ? OLDEST_AGAIN_MS : ABOUT_AGAIN_MS));
  }
}

export class Refused extends Error {
  /** The server wants to be asked again no earlier than after this time, ms. */
  readonly againMs: number;

  constructor(message: string, againMs = 0) {
    super(message);
    this.againMs = againMs;
  }
}

/** @throws Refused with the server's message, or if it does not answer */
export async function ask<T>(path: string, signalToStop?: AbortSignal): Promise<T> {
  const init = signalToStop === undefined ? {} : { signal: signalToStop };
  const response = await fetch(path, init).catch((error: unknown) => {
    throw signalToStop?.aborted === true ? error : new Refused('The board’s server does not answer.');
  });
  const body = (await response.json()) as T & { readonly message?: string };
  if (!response.ok) {
    const againMs = 1_000 * Number(response.headers.get('retry-after') ?? 0);
    throw new Refused(body.message ?? `The board’s server answered ${response.status}.`, againMs);
  }
  return body;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

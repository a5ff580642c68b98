import type { ServerResponse } from 'node:http';
import type { QueueConversation } from '../conversation';
import type { Picture, QueueLine } from './picture';

/** How old the picture is. Every viewer is told once a second. */
export interface Freshness {
  /** How long ago the table was known to be complete, ms. Null: it has not been read yet. */
  readonly ageMs: number | null;
  /** Why it is not being read at the moment; null: it is. */
  readonly problem: string | null;
}

export interface ViewersOptions {
  readonly picture: Picture;
  readonly freshness: () => Freshness;
  /** What viewers may see of a conversation. */
  readonly present: (row: QueueConversation) => object;
  readonly presentLine: (line: QueueLine) => object;
  /** Told of what was sent, for a metric. */
  readonly onSent?: (bytes: number) => void;
  /** Tells this process's picture from an earlier one's: part of every event's id. */
  readonly epoch: string;
  readonly now?: () => number;
}

interface Viewer {
  readonly stream: ServerResponse;
  readonly queueId: string | null;
  /** The version that it has; 0: none. */
  seen: number;
  blockedSince: number | null;
}

/** Changes are sent at most so often. */
const TURN_MS = 250;
const BEAT_MS = 1_000;
/** A viewer that does not take so much gets nothing until it has: then it gets what has changed meanwhile, once. */
const MOST_UNSENT_BYTES = 256 * 1024;
const MOST_BLOCKED_MS = 60_000;

/**
 * Server-sent events to any number of viewers. Each is sent what has changed since the version that it has. So a slow
 * viewer costs one number and what its socket holds, and gets the newest state when it is ready.
 */
export class Viewers {
  readonly #options: ViewersOptions;
  readonly #viewers = new Set<Viewer>();
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #now: () => number;

  constructor(options: ViewersOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#timers = [setInterval(() => this.#turn(), TURN_MS), setInterval(() => this.#beat(), BEAT_MS)];
  }

  get size(): number {
    return this.#viewers.size;
  }

  /**
   * @param stream its head is written; it is ended here
   * @param queueId the queue whose conversations are wanted; null: none
   * @param lastEventId of the browser's header; from another picture, or absent: everything is sent
   */
  add(stream: ServerResponse, queueId: string | null, lastEventId: string | undefined): void {
    const viewer: Viewer = { stream, queueId, seen: this.#versionOf(lastEventId), blockedSince: null };
    this.#viewers.add(viewer);
    stream.on('close', () => this.#viewers.delete(viewer));
    this.#write(viewer, 'retry: 1000\n\n');
    this.#sendChanges([viewer]);
    this.#write(viewer, this.#beatText());
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const { stream } of this.#viewers) stream.end();
    this.#viewers.clear();
  }

  #turn(): void {
    this.#options.picture.turn(this.#now());
    this.#sendChanges(this.#viewers);
  }

  #sendChanges(viewers: Iterable<Viewer>): void {
    const { picture, epoch } = this.#options;
    const { version } = picture;
    // Viewers that have the same version and look at the same queue get the same text.
    const texts = new Map<string, string>();
    for (const viewer of viewers) {
      if (viewer.seen === version || !this.#takes(viewer)) continue;
      const key = `${viewer.seen} ${viewer.queueId ?? ''}`;
      const text = texts.get(key) ?? this.#changesText(viewer.seen, viewer.queueId);
      texts.set(key, text);
      this.#write(viewer, `id: ${epoch}.${version}\n${text}`);
      viewer.seen = version;
    }
  }

  #changesText(since: number, queueId: string | null): string {
    const { picture, present, presentLine } = this.#options;
    const queue = queueId === null ? null : picture.queue(queueId, since);
    return event('picture', {
      full: since === 0,
      at: this.#now(),
      lines: picture.lines(since).map(presentLine),
      queue: queue === null ? null : { queueId, full: queue.full, rows: queue.rows.map(present), gone: queue.gone },
    });
  }

  #beat(): void {
    const text = this.#beatText();
    for (const viewer of this.#viewers) if (this.#takes(viewer)) this.#write(viewer, text);
  }

  #beatText(): string {
    return event('beat', { at: this.#now(), ...this.#options.freshness() });
  }

  #takes(viewer: Viewer): boolean {
    if (viewer.stream.writableLength <= MOST_UNSENT_BYTES) {
      viewer.blockedSince = null;
      return true;
    }
    viewer.blockedSince ??= this.#now();
    if (this.#now() - viewer.blockedSince > MOST_BLOCKED_MS) viewer.stream.destroy();
    return false;
  }

  #write({ stream }: Viewer, text: string): void {
    this.#options.onSent?.(Buffer.byteLength(text));
    stream.write(text);
  }

  #versionOf(lastEventId: string | undefined): number {
    const { epoch, picture } = this.#options;
    const [, of, version] = /^(.+)\.(\d+)$/.exec(lastEventId ?? '') ?? [];
    return of === epoch && Number(version) <= picture.version ? Number(version) : 0;
  }
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

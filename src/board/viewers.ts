import type { ServerResponse } from 'node:http';
import type { BeatEvent, Conversation, Line, PictureEvent } from './api-schema';
import type { AnsweredRow, Picture, QueueLine } from './picture';

/** The age of the picture. Every viewer gets it once a second. */
export interface Freshness {
  /** How long ago the table was known to be complete, ms. Null: it has not been read yet. */
  readonly ageMs: number | null;
  /** Why the table is not being read at the moment; null: it is. */
  readonly problem: string | null;
}

export interface ViewersOptions {
  readonly picture: Picture;
  readonly freshness: () => Freshness;
  /** The part of a conversation that viewers may see. */
  readonly present: (row: AnsweredRow) => Conversation;
  readonly presentLine: (line: QueueLine) => Line;
  /** Called with the number of bytes sent, for a metric. */
  readonly onSent?: (bytes: number) => void;
  /** Distinguishes this process's picture from an earlier one's: part of every event's id. */
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

/** Changes are sent at most this often. */
const TURN_MS = 250;
const BEAT_MS = 1_000;
/** A larger picture comes in several events: a browser reads and counts each in a task of a few milliseconds. */
const LINES_PER_EVENT = 200;
const CONVERSATIONS_PER_EVENT = 200;
const RETRY = Buffer.from('retry: 1000\n\n');
/**
 * A viewer that has more unsent bytes than this gets nothing until it has taken them. Then it gets the changes since,
 * once.
 */
const MOST_UNSENT_BYTES = 256 * 1024;
const MOST_BLOCKED_MS = 60_000;

/**
 * Server-sent events to any number of viewers. Each viewer gets the changes since the version that it has. So a slow
 * viewer costs one number and the content of its socket: at most 256 KiB and one event. It gets the newest state when
 * it is ready.
 */
export class Viewers {
  readonly #options: ViewersOptions;
  readonly #viewers = new Set<Viewer>();
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #now: () => number;
  #all: { readonly version: number; readonly texts: readonly string[] } = { version: 0, texts: [] };

  constructor(options: ViewersOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#timers = [setInterval(() => this.#turn(), TURN_MS), setInterval(() => this.#beat(), BEAT_MS)];
  }

  get size(): number {
    return this.#viewers.size;
  }

  /** The bytes in this process that wait for slow viewers. */
  get unsentBytes(): number {
    return [...this.#viewers].reduce((sum, { stream }) => sum + stream.writableLength, 0);
  }

  /**
   * @param stream its head is written; this class ends it
   * @param queueId the queue whose conversations the viewer wants; null: none
   * @param lastEventId the browser's header; if it is absent or of another picture, the viewer gets everything
   */
  add(stream: ServerResponse, queueId: string | null, lastEventId: string | undefined): void {
    const viewer: Viewer = { stream, queueId, seen: this.#versionOf(lastEventId), blockedSince: null };
    this.#viewers.add(viewer);
    stream.on('close', () => this.#viewers.delete(viewer));
    this.#write(viewer, RETRY);
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
    const texts = new Texts(this.#options, this.#now(), () => this.#allLines());
    for (const viewer of viewers) {
      if (viewer.seen === version || !this.#takes(viewer)) continue;
      this.#write(viewer, texts.changes(`${epoch}.${version}`, viewer.seen, viewer.queueId));
      viewer.seen = version;
    }
  }

  /** Kept for each version: when a board starts, all its viewers come at once. */
  #allLines(): readonly string[] {
    const { picture, presentLine } = this.#options;
    const { version } = picture;
    if (this.#all.version !== version) this.#all = { version, texts: textsOf(picture.lines(0).map(presentLine)) };
    return this.#all.texts;
  }

  #beat(): void {
    const text = this.#beatText();
    for (const viewer of [...this.#viewers]) if (this.#takes(viewer)) this.#write(viewer, text);
  }

  #beatText(): Buffer {
    const beat: BeatEvent = { at: this.#now(), ...this.#options.freshness() };
    return Buffer.from(event('beat', JSON.stringify(beat)));
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

  #write({ stream }: Viewer, text: Buffer): void {
    this.#options.onSent?.(text.length);
    stream.write(text);
  }

  #versionOf(lastEventId: string | undefined): number {
    const { epoch, picture } = this.#options;
    const [, of, version] = /^(.+)\.(\d+)$/.exec(lastEventId ?? '') ?? [];
    return of === epoch && Number(version) <= picture.version ? Number(version) : 0;
  }
}

/** The texts of one moment: viewers with the same version get the same bytes, so many slow ones hold them once. */
class Texts {
  readonly #options: ViewersOptions;
  readonly #at: number;
  readonly #allLines: () => readonly string[];
  readonly #lines = new Map<number, readonly string[]>();
  readonly #events = new Map<string, Buffer>();

  constructor(options: ViewersOptions, at: number, allLines: () => readonly string[]) {
    this.#options = options;
    this.#at = at;
    this.#allLines = allLines;
  }

  changes(id: string, since: number, queueId: string | null): Buffer {
    const key = `${since} ${queueId ?? ''}`;
    const known = this.#events.get(key);
    if (known !== undefined) return known;
    const lines = this.#linesOf(since);
    // Conversations begin in the last event with lines.
    const queues = queueId === null ? ['null'] : this.#queueOf(queueId, since);
    const count = lines.length + queues.length - 1;
    const events = Array.from({ length: count }, (_, index) => {
      const isLast = index === count - 1;
      const json =
        `{"full":${since === 0 && index === 0},"at":${this.#at},"more":${!isLast},` +
        `"lines":${lines[index] ?? '[]'},"queue":${queues[index - lines.length + 1] ?? 'null'}}`;
      // Only the last event has an id: a viewer with part of a picture does not have the version.
      return `${isLast ? `id: ${id}\n` : ''}${event('picture', json)}`;
    });
    const text = Buffer.from(events.join(''));
    this.#events.set(key, text);
    return text;
  }

  /** One text for each event, at least one. */
  #linesOf(since: number): readonly string[] {
    if (since === 0) return this.#allLines();
    const known = this.#lines.get(since);
    if (known !== undefined) return known;
    const texts = textsOf(this.#options.picture.lines(since).map(this.#options.presentLine));
    this.#lines.set(since, texts);
    return texts;
  }

  /** One text for each event, at least one. */
  #queueOf(queueId: string, since: number): readonly string[] {
    const { full, rows, gone } = this.#options.picture.queue(queueId, since);
    const count = Math.max(1, Math.ceil(rows.length / CONVERSATIONS_PER_EVENT));
    return Array.from({ length: count }, (_, index) => {
      const part = rows.slice(index * CONVERSATIONS_PER_EVENT, (index + 1) * CONVERSATIONS_PER_EVENT);
      const isFirst = index === 0;
      const queue: PictureEvent['queue'] = {
        ...{ queueId, full: full && isFirst, rows: part.map(this.#options.present), gone: isFirst ? [...gone] : [] },
      };
      return JSON.stringify(queue);
    });
  }
}

/** JSON arrays, at least one. Lines of one queue stay together, so that the receiver can add them up. */
function textsOf(lines: PictureEvent['lines']): readonly string[] {
  const parts: Line[][] = [[]];
  for (const [index, line] of lines.entries()) {
    const isFull = (parts.at(-1)?.length ?? 0) >= LINES_PER_EVENT;
    if (isFull && lines[index - 1]?.queueId !== line.queueId) parts.push([]);
    parts.at(-1)?.push(line);
  }
  return parts.map((part) => JSON.stringify(part));
}

function event(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}

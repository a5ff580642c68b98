import { countRows, type LiveCounts, NO_LIVE, type QueueConversation, type QueueVisit } from '../conversation';
import { addDay, dayOf, NO_DAY, type DayCounts, type ServiceLevelRule } from './counts';

/** One queue and medium, as viewers see it. */
export interface QueueLine {
  readonly queueId: string;
  /** The medium, as in the rows; null: not known. */
  readonly media: string | null;
  readonly live: LiveCounts;
  readonly day: DayCounts;
}

/**
 * A conversation's row, and since when the customer talks to the answering agent. Null: nobody has answered, or that
 * agent has left.
 */
export type AnsweredRow = QueueConversation & { readonly answered_time: number | null };

/** The part of a visit that the board needs. */
export type BoardVisit = Pick<
  QueueVisit,
  | 'conversation_id'
  | 'queue_id'
  | 'media_type'
  | 'consult'
  | 'outcome'
  | 'entered_time'
  | 'left_time'
  | 'answered_time'
  | 'agent_left_time'
>;

/** The changes in one queue's conversations since a version. */
export interface QueueChanges {
  /** The viewer must forget what it had of the queue. */
  readonly full: boolean;
  readonly rows: readonly AnsweredRow[];
  /** Ids of conversations that have left the queue. */
  readonly gone: readonly string[];
}

export interface PictureOptions {
  readonly rule: ServiceLevelRule;
  /** The beginning of an instant's day, epoch ms. */
  readonly dayStart: (now: number) => number;
}

/** For how many versions a conversation that left a queue is remembered. Older viewers get the whole queue. */
const GONE_KEPT_VERSIONS = 2_400;

interface Line {
  readonly queueId: string;
  readonly media: string | null;
  readonly ids: Set<string>;
  day: DayCounts;
  shown: QueueLine;
  version: number;
}

interface Known {
  readonly row: QueueConversation;
  version: number;
}

/** The part of a day's many visits that is kept. */
interface CountedDay {
  line: Line;
  enteredAt: number;
  counts: DayCounts;
}

/**
 * The picture that viewers see: lines of counts, one for each queue and medium, kept current by changes of rows and
 * visits. Each `turn` that changes something makes a new version. A viewer that knows its version asks for the changes
 * since then, so nothing is queued for slow viewers.
 */
export class Picture {
  readonly #options: PictureOptions;
  readonly #rows = new Map<string, Known>();
  readonly #visits = new Map<string, CountedDay>();
  readonly #answers = new Answers();
  readonly #lines = new Map<string, Line>();
  readonly #linesByQueue = new Map<string, Line[]>();
  readonly #dirtyLines = new Set<Line>();
  readonly #dirtyRows = new Set<string>();
  /** By queue: conversations that have left it, with the version in which they left. */
  readonly #gone = new Map<string, Map<string, number>>();
  #goneSince = 0;
  #version = 1;
  #day: number;

  constructor(options: PictureOptions, now: number) {
    this.#options = options;
    this.#day = options.dayStart(now);
  }

  get version(): number {
    return this.#version;
  }

  get conversations(): number {
    return this.#rows.size;
  }

  upsertRow(row: QueueConversation): void {
    const known = this.#rows.get(row.conversation_id);
    if (known !== undefined) this.#take(known.row);
    this.#rows.set(row.conversation_id, { row, version: this.#version + 1 });
    const line = this.#line(row.queue_id, row.media_type);
    line.ids.add(row.conversation_id);
    this.#dirtyLines.add(line);
    this.#dirtyRows.add(row.conversation_id);
    this.#gone.get(row.queue_id)?.delete(row.conversation_id);
    if (known !== undefined && known.row.queue_id !== row.queue_id) this.#leave(known.row);
  }

  deleteRow(conversationId: string): void {
    const known = this.#rows.get(conversationId);
    if (known === undefined) return;
    this.#take(known.row);
    this.#rows.delete(conversationId);
    this.#dirtyRows.delete(conversationId);
    this.#leave(known.row);
  }

  /**
   * @param id the key of the topic
   * @param visit counts if it began on the displayed day
   */
  upsertVisit(id: string, visit: BoardVisit): void {
    // Also for a visit that began yesterday.
    this.#dirtyRow(this.#answers.put(id, visit));
    const known = this.#visits.get(id);
    if (known !== undefined) this.#discount(known);
    const { entered_time: enteredAt } = visit;
    if (enteredAt < this.#day) {
      this.#visits.delete(id);
      return;
    }
    const counts = dayOf(visit, this.#options.rule);
    const line = this.#line(visit.queue_id, visit.media_type);
    // In place: the present key stays, and no second copy of it replaces it.
    if (known === undefined) this.#visits.set(id, { line, enteredAt, counts });
    else Object.assign(known, { line, enteredAt, counts });
    line.day = addDay(line.day, counts);
    this.#dirtyLines.add(line);
  }

  /** The beginning of the displayed day, epoch ms. */
  get day(): number {
    return this.#day;
  }

  /** Whether a change of the visit would change the picture. */
  needsVisit(id: string): boolean {
    return this.#visits.has(id) || this.#answers.has(id);
  }

  /** An erased visit has gone from the topic. */
  deleteVisit(id: string): void {
    this.#dirtyRow(this.#answers.remove(id));
    this.#forgetVisit(id);
  }

  /** Something else of the queue has changed, e.g. its name: viewers get its lines again. */
  touchQueue(queueId: string): void {
    for (const line of this.#linesByQueue.get(queueId) ?? []) this.#dirtyLines.add(line);
  }

  clearRows(): void {
    for (const id of [...this.#rows.keys()]) this.deleteRow(id);
  }

  clearVisits(): void {
    for (const id of this.#answers.ids()) this.#dirtyRow(this.#answers.remove(id));
    for (const id of [...this.#visits.keys()]) this.#forgetVisit(id);
  }

  /** Puts the changes since the last turn into a new version. @returns whether there is one */
  turn(now: number): boolean {
    const day = this.#options.dayStart(now);
    if (day !== this.#day) this.#beginDay(day);
    const next = this.#version + 1;
    let changed = this.#dirtyRows.size > 0;
    for (const line of this.#dirtyLines) {
      const live = line.ids.size === 0 ? NO_LIVE : countRows(this.#rowsOf(line.ids));
      line.shown = { queueId: line.queueId, media: line.media, live, day: line.day };
      line.version = next;
      changed = true;
    }
    for (const id of this.#dirtyRows) {
      const known = this.#rows.get(id);
      if (known !== undefined) known.version = next;
    }
    this.#dirtyLines.clear();
    this.#dirtyRows.clear();
    if (changed) this.#version = next;
    if (next - this.#goneSince > 2 * GONE_KEPT_VERSIONS) this.#forgetGone(next - GONE_KEPT_VERSIONS);
    return changed;
  }

  /** Lines that have changed since a version, a queue's lines together; for version 0, all lines. */
  lines(since: number): readonly QueueLine[] {
    const changed: QueueLine[] = [];
    for (const lines of this.#linesByQueue.values())
      for (const { version, shown } of lines) if (version > since) changed.push(shown);
    return changed;
  }

  /** Conversations of one queue that have changed since a version; for version 0, all of them. */
  queue(queueId: string, since: number): QueueChanges {
    const rows = (this.#linesByQueue.get(queueId) ?? []).flatMap(({ ids }) =>
      [...ids].flatMap((id) => this.#rows.get(id) ?? []),
    );
    const answered = ({ row }: Known): AnsweredRow => ({
      ...row,
      answered_time: this.#answers.of(row.conversation_id),
    });
    if (since === 0 || since < this.#goneSince) return { full: true, rows: rows.map(answered), gone: [] };
    const gone = [...(this.#gone.get(queueId) ?? [])].filter(([, version]) => version > since).map(([id]) => id);
    return { full: false, rows: rows.filter(({ version }) => version > since).map(answered), gone };
  }

  #line(queueId: string, media: string | null): Line {
    const key = keyOf(queueId, media);
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    const shown = { queueId, media, live: NO_LIVE, day: NO_DAY };
    const line: Line = { queueId, media, ids: new Set(), day: NO_DAY, shown, version: this.#version + 1 };
    this.#lines.set(key, line);
    this.#linesByQueue.set(queueId, [...(this.#linesByQueue.get(queueId) ?? []), line]);
    this.#dirtyLines.add(line);
    return line;
  }

  *#rowsOf(ids: ReadonlySet<string>): Iterable<QueueConversation> {
    for (const id of ids) {
      const known = this.#rows.get(id);
      if (known !== undefined) yield known.row;
    }
  }

  /** The row leaves its line, for another one or for good. */
  #take(row: QueueConversation): void {
    const line = this.#line(row.queue_id, row.media_type);
    line.ids.delete(row.conversation_id);
    this.#dirtyLines.add(line);
  }

  #leave({ queue_id: queueId, conversation_id: id }: QueueConversation): void {
    let gone = this.#gone.get(queueId);
    if (gone === undefined) this.#gone.set(queueId, (gone = new Map<string, number>()));
    gone.set(id, this.#version + 1);
  }

  #dirtyRow(conversationId: string | null): void {
    if (conversationId !== null && this.#rows.has(conversationId)) this.#dirtyRows.add(conversationId);
  }

  #forgetVisit(id: string): void {
    const known = this.#visits.get(id);
    if (known === undefined) return;
    this.#visits.delete(id);
    this.#discount(known);
  }

  #discount({ line, counts }: CountedDay): void {
    line.day = addDay(line.day, counts, -1);
    this.#dirtyLines.add(line);
  }

  #beginDay(day: number): void {
    this.#day = day;
    for (const [id, { enteredAt }] of this.#visits) if (enteredAt < day) this.#forgetVisit(id);
  }

  #forgetGone(before: number): void {
    this.#goneSince = before;
    for (const [queueId, gone] of this.#gone) {
      for (const [id, version] of gone) if (version <= before) gone.delete(id);
      if (gone.size === 0) this.#gone.delete(queueId);
    }
  }
}

function keyOf(queueId: string, media: string | null): string {
  return `${media ?? ''}\u0000${queueId}`;
}

/** Since when conversations are answered. Only visits whose agent is still there are kept, so these are few. */
class Answers {
  readonly #conversationOf = new Map<string, string>();
  readonly #answers = new Map<string, Map<string, number>>();

  /** @returns the conversation whose answer may have changed; null: none */
  put(id: string, visit: BoardVisit): string | null {
    const before = this.remove(id);
    if (visit.answered_time === null || visit.agent_left_time !== null) return before;
    const { conversation_id: conversationId } = visit;
    const answers = this.#answers.get(conversationId) ?? new Map<string, number>();
    this.#answers.set(conversationId, answers.set(id, visit.answered_time));
    this.#conversationOf.set(id, conversationId);
    return conversationId;
  }

  has(id: string): boolean {
    return this.#conversationOf.has(id);
  }

  /** The ids of the visits that are kept. */
  ids(): readonly string[] {
    return [...this.#conversationOf.keys()];
  }

  /** @returns as `put` */
  remove(id: string): string | null {
    const conversationId = this.#conversationOf.get(id);
    if (conversationId === undefined) return null;
    this.#conversationOf.delete(id);
    const answers = this.#answers.get(conversationId);
    answers?.delete(id);
    if (answers?.size === 0) this.#answers.delete(conversationId);
    return conversationId;
  }

  /** The latest answer, epoch ms: after a transfer, the earlier queue's agent may still be there. */
  of(conversationId: string): number | null {
    const answers = this.#answers.get(conversationId);
    return answers === undefined ? null : Math.max(...answers.values());
  }
}

import { rowOf, visitsOf } from './advance';
import { dueAfter, rowDeadline, whenDue } from './due';
import type { ConversationEvent } from './event';
import { fold } from './fold';
import type { FoldOutcome, FoldSettings, StateRecord, VisitRecord } from './folded';
import { createSchedule, type Schedule } from './schedule';
import type { ConversationState, StateHead } from './state';
import { createPlainStates, type States } from './states';
import type { QueueVisit } from './visit';

const NO_VISITS: readonly VisitRecord[] = [];
const NOBODY: readonly string[] = [];

/**
 * All conversations of one partition, and the work that becomes due as receive times advance (specification, section
 * 4). Deterministic: the same events give the same records, wherever batches end.
 */
export interface PartitionFold {
  /** Takes a conversation's state from the changelog; null: none. Only before the first event. */
  restore(conversationId: string, state: ConversationState | null): void;
  /** The same for a state that `states` already has; call it once for each. It avoids decoding if it can. */
  restoreKept(conversationId: string, head: StateHead): void;
  /**
   * Does the work that is due before an event received at `now`, epoch ms, until `isFull`. Returns whether nothing is
   * left. `apply` does it too, without a bound.
   */
  advance(now: number, onDone: OnDone, isFull: () => boolean): boolean;
  /** Does the work that is due before the event, then folds the event. */
  apply(event: ConversationEvent): Applied;
  /** Closes the rows whose deadline lies before `now`, epoch ms, until `isFull`; for a timer in a live system. */
  closeOverdue(now: number, onDone: OnDone, isFull: () => boolean): void;
  /** The earliest deadline of a row, or an earlier time to ask again; null: none. */
  nextDeadline(): number | null;
  /** The conversations whose state changed since the last call, with their state now (null: forgotten). */
  takeChanges(): ReadonlyMap<string, ConversationState | null>;
  /** Takes a state, as a change, for a conversation of which nothing is known. False: something is known. */
  reclaim(conversationId: string, state: ConversationState): boolean;
  /** All rows, each as it was last written. */
  rows(): Iterable<StateRecord>;
  /** The visits of all conversations that have not ended, each with the time of its conversation's last event. */
  visits(): Iterable<VisitRecord>;
  /** The number of conversations that have a row. */
  readonly live: number;
}

/** The work due for one conversation is done; `records` may be empty. */
export type OnDone = (conversationId: string, records: readonly StateRecord[]) => void;

export interface Applied {
  readonly records: readonly StateRecord[];
  /** The visits of the event itself: a row that its deadline closes writes none. */
  readonly visits: readonly VisitRecord[];
  /** The participants whose visits get a tombstone, with the event's time. */
  readonly erasedVisits: readonly string[];
  readonly outcome: FoldOutcome;
}

/** @param states the place for its knowledge of each conversation */
export function createPartitionFold(settings: FoldSettings, states: States = createPlainStates()): PartitionFold {
  const timetable = new Timetable(states, settings);
  let changes = new Map<string, ConversationState | null>();
  let live = 0;

  const put = (
    id: string,
    before: ConversationState | null,
    state: ConversationState | null,
    shown: readonly QueueVisit[] | null,
  ): void => {
    live += Number(hasRow(state)) - Number(hasRow(before));
    if (state === null) {
      states.delete(id);
      return;
    }
    states.put(id, { state, shown });
    timetable.add(id, state, () => state);
  };

  /** Does the work of a conversation that is due. */
  const doing =
    (onDone: OnDone) =>
    (id: string): void => {
      const known = states.get(id);
      if (known === null) return;
      const done = whenDue(id, known.state, settings);
      put(id, known.state, done.state, null);
      changes.set(id, done.state);
      onDone(id, done.records);
    };

  return {
    restore: (id, state) => put(id, states.get(id)?.state ?? null, state, null),
    restoreKept: (id, head) => {
      live += Number(hasRow(head));
      timetable.add(id, head, () => stateOf(states, id));
    },
    advance: (now, onDone, isFull) => timetable.drain(now, doing(onDone), isFull),
    apply: (event) => {
      const records: StateRecord[] = [];
      timetable.drain(
        event.receivedAt,
        doing((_, done) => void records.push(...done)),
      );
      const id = event.conversationId;
      const known = states.get(id);
      const before = known === null ? null : known.state;
      const folded = fold(before, event, settings, known === null ? null : known.shown);
      if (folded.state !== before) {
        put(id, before, folded.state, folded.state?.kind === 'open' ? (folded.shown ?? null) : null);
        changes.set(id, folded.state);
      }
      return {
        records: records.length === 0 ? folded.records : [...records, ...folded.records],
        visits: folded.visits ?? NO_VISITS,
        erasedVisits: folded.erasedVisits ?? NOBODY,
        outcome: folded.outcome,
      };
    },
    closeOverdue: (now, onDone, isFull) => timetable.drainDeadlines(now, doing(onDone), isFull),
    nextDeadline: () => timetable.nextDeadline(),
    takeChanges: () => {
      const taken = changes;
      changes = new Map();
      return taken;
    },
    reclaim: (id, state) => {
      if (states.has(id)) return false;
      put(id, null, state, null);
      changes.set(id, state);
      return true;
    },
    rows: () => rowsOf(states),
    visits: () => allVisitsOf(states),
    get live() {
      return live;
    },
  };
}

/**
 * When each conversation has work to do: rows have deadlines, and conversations without a row are forgotten. Two
 * schedules, because a timer closes rows and does nothing else.
 */
class Timetable {
  readonly #settings: FoldSettings;
  readonly #deadlines: Schedule;
  readonly #forgetting: Schedule;

  constructor(states: States, settings: FoldSettings) {
    this.#settings = settings;
    this.#deadlines = createSchedule((id) => {
      const known = states.get(id);
      return known === null ? null : rowDeadline(known.state, settings);
    });
    this.#forgetting = createSchedule((id) => {
      const known = states.get(id);
      return known === null || hasRow(known.state) ? null : dueAfter(known.state, settings, () => known.state);
    });
  }

  add(id: string, head: StateHead, whole: () => ConversationState): void {
    const due = dueAfter(head, this.#settings, whole);
    if (due !== null) (hasRow(head) ? this.#deadlines : this.#forgetting).add(id, due);
  }

  /** @see Schedule.drain */
  drain(now: number, due: (id: string) => void, isFull?: () => boolean): boolean {
    return this.#deadlines.drain(now, due, isFull) && this.#forgetting.drain(now, due, isFull);
  }

  drainDeadlines(now: number, due: (id: string) => void, isFull: () => boolean): void {
    this.#deadlines.drain(now, due, isFull);
  }

  nextDeadline(): number | null {
    return this.#deadlines.next();
  }
}

function hasRow(state: StateHead | null): boolean {
  return state?.kind === 'open' && state.row !== null;
}

function stateOf(states: States, id: string): ConversationState {
  const known = states.get(id);
  if (known === null) throw new Error(`nothing is kept of ${id}`);
  return known.state;
}

function* rowsOf(states: States): Generator<StateRecord> {
  for (const [id, state] of states.entries()) {
    const record = rowOf(id, state);
    if (record !== null) yield record;
  }
}

function* allVisitsOf(states: States): Generator<VisitRecord> {
  for (const [id, state] of states.entries()) yield* visitsOf(id, state);
}

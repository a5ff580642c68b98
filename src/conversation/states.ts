import { createSlabs } from './slabs';
import type { ConversationState } from './state';
import type { QueueVisit } from './visit';

/** What is known of one conversation. */
export interface Known {
  readonly state: ConversationState;
  /** Its visits as they were projected last; null: not since it was decoded, or none. */
  readonly shown: readonly QueueVisit[] | null;
}

/** What is known of each conversation of a partition. */
export interface States {
  has(id: string): boolean;
  get(id: string): Known | null;
  put(id: string, known: Known): void;
  delete(id: string): void;
  /** All of them, in the order in which they came in. */
  entries(): Iterable<readonly [string, ConversationState]>;
}

/** As they are: for few. */
export function createPlainStates(): States {
  const all = new Map<string, Known>();
  return {
    has: (id) => all.has(id),
    get: (id) => all.get(id) ?? null,
    put: (id, known) => void all.set(id, known),
    delete: (id) => void all.delete(id),
    *entries() {
      for (const [id, { state }] of all) yield [id, state];
    },
  };
}

/** Bytes that a state is kept as. `decode` gives back a state equal to the one that was encoded, and no view of the bytes. */
export interface StateCodec {
  encode(state: ConversationState): Buffer;
  decode(id: string, bytes: Buffer): ConversationState;
}

/** As the bytes that the changelog has of them: for a million. Those that events touch are decoded for a while. */
export interface PackedStates extends States {
  /** Takes a state as its bytes, which are copied. */
  load(id: string, bytes: Buffer): void;
  /** The bytes that were loaded or packed last, as a view that is right until the next change; null: none. */
  bytesOf(id: string): Buffer | null;
  /** The bytes of what was put last. Until then it stays decoded, so that a state is encoded once a transaction. */
  pack(id: string): Buffer;
  ids(): Iterable<string>;
  /** How many are decoded. */
  readonly decoded: number;
}

/** @param most how many may be decoded that have not changed since they were packed */
export function createPackedStates(codec: StateCodec, most: number): PackedStates {
  const slabs = createSlabs();
  const changed = new Map<string, Known>();
  /** Two generations, so that what is not asked for goes without being looked for. */
  let current = new Map<string, Known>();
  let previous = new Map<string, Known>();

  const remember = (id: string, known: Known): void => {
    if (current.size >= most / 2 && !current.has(id)) {
      previous = current;
      current = new Map();
    }
    current.set(id, known);
    previous.delete(id);
  };
  const forget = (id: string): void => {
    changed.delete(id);
    current.delete(id);
    previous.delete(id);
  };
  const decode = (id: string): ConversationState | null => {
    const bytes = slabs.get(id);
    return bytes === null ? null : codec.decode(id, bytes);
  };

  return {
    has: (id) => slabs.has(id),
    get: (id) => {
      const near = changed.get(id) ?? current.get(id);
      if (near !== undefined) return near;
      let known = previous.get(id) ?? null;
      if (known === null) {
        const state = decode(id);
        if (state === null) return null;
        known = { state, shown: null };
      }
      remember(id, known);
      return known;
    },
    put: (id, known) => {
      slabs.reserve(id);
      forget(id);
      changed.set(id, known);
    },
    delete: (id) => {
      forget(id);
      slabs.delete(id);
    },
    *entries() {
      for (const id of slabs.ids()) {
        const state = (changed.get(id) ?? current.get(id) ?? previous.get(id))?.state ?? decode(id);
        if (state !== null) yield [id, state];
      }
    },
    load: (id, bytes) => {
      forget(id);
      slabs.set(id, bytes);
    },
    bytesOf: (id) => slabs.get(id),
    pack: (id) => {
      const known = changed.get(id);
      if (known === undefined) throw new Error(`nothing of ${id} has changed since it was packed`);
      const bytes = codec.encode(known.state);
      slabs.set(id, bytes);
      changed.delete(id);
      remember(id, known);
      return bytes;
    },
    ids: () => slabs.ids(),
    get decoded() {
      return changed.size + current.size + previous.size;
    },
  };
}

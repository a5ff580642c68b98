import { createSlabs } from './slabs';
import type { ConversationState } from './state';
import type { QueueVisit } from './visit';

/** The knowledge of one conversation. */
export interface Known {
  readonly state: ConversationState;
  /** The last projection of its visits; null: none since the state was decoded, or no visits. */
  readonly shown: readonly QueueVisit[] | null;
}

/** The knowledge of each conversation of a partition. */
export interface States {
  has(id: string): boolean;
  get(id: string): Known | null;
  put(id: string, known: Known): void;
  delete(id: string): void;
  /** All conversations, in the order of arrival. */
  entries(): Iterable<readonly [string, ConversationState]>;
}

/** Keeps states as objects: for small numbers. */
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

/** How a state is kept as bytes. `decode` gives a state equal to the encoded one, without views of the bytes. */
export interface StateCodec {
  encode(state: ConversationState): Buffer;
  decode(id: string, bytes: Buffer): ConversationState;
}

/**
 * Keeps states as the bytes of the changelog: for a million. If there are few, those that events touch stay decoded. If
 * there are many, only those do that events touch twice within a while: of a million most are touched once, and keeping
 * these costs more than it saves, because the garbage collector copies them before they go.
 */
export interface PackedStates extends States {
  /** Takes a state as bytes, and copies them. */
  load(id: string, bytes: Buffer): void;
  /** The last loaded or packed bytes, as a view that is valid until the next change; null: none. */
  bytesOf(id: string): Buffer | null;
  /** The bytes of the last put state. Until then it stays decoded, so that a transaction encodes a state once. */
  pack(id: string): Buffer;
  ids(): Iterable<string>;
  /** The number of decoded states. */
  readonly decoded: number;
}

/** @param most how many states may stay decoded although they have not changed since they were packed */
export function createPackedStates(codec: StateCodec, most: number): PackedStates {
  const slabs = createSlabs();
  const changed = new Map<string, Known>();
  const recent = new RecentStates(most);
  const fitsAll = (): boolean => slabs.size <= most / 2;
  const forget = (id: string): void => {
    changed.delete(id);
    recent.delete(id);
  };
  const decode = (id: string): ConversationState | null => {
    const bytes = slabs.get(id);
    return bytes === null ? null : codec.decode(id, bytes);
  };

  return {
    has: (id) => slabs.has(id),
    get: (id) => {
      const near = changed.get(id) ?? recent.find(id);
      if (near !== undefined && near !== null) return near;
      const state = decode(id);
      if (state === null) return null;
      const known = { state, shown: null };
      recent.set(id, near === null || fitsAll() ? known : null);
      return known;
    },
    put: (id, known) => {
      slabs.reserve(id);
      changed.set(id, known);
    },
    delete: (id) => {
      forget(id);
      slabs.delete(id);
    },
    *entries() {
      for (const id of slabs.ids()) {
        const state = (changed.get(id) ?? recent.peek(id))?.state ?? decode(id);
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
      recent.set(id, recent.peek(id) === null && !fitsAll() ? null : known);
      return bytes;
    },
    ids: () => slabs.ids(),
    get decoded() {
      return changed.size + recent.decoded;
    },
  };
}

/**
 * The states that were requested lately, in two generations. So states that nobody requests any more leave without a
 * search. Null: a state that was requested once, and is not kept.
 */
class RecentStates {
  readonly #most: number;
  #current = new Map<string, Known | null>();
  #previous = new Map<string, Known | null>();

  /** @param most how many states both generations may keep */
  constructor(most: number) {
    this.#most = most;
  }

  /** Undefined: nobody has requested it lately. */
  peek(id: string): Known | null | undefined {
    const known = this.#current.get(id);
    return known === undefined ? this.#previous.get(id) : known;
  }

  /** The same for a request: it moves a kept state of the older generation into the younger one. */
  find(id: string): Known | null | undefined {
    const current = this.#current.get(id);
    if (current !== undefined) return current;
    const known = this.#previous.get(id);
    if (known !== undefined && known !== null) this.set(id, known);
    return known;
  }

  set(id: string, known: Known | null): void {
    if (this.#current.size >= this.#most / 2 && !this.#current.has(id)) {
      this.#previous = this.#current;
      this.#current = new Map();
    }
    this.#current.set(id, known);
    this.#previous.delete(id);
  }

  delete(id: string): void {
    this.#current.delete(id);
    this.#previous.delete(id);
  }

  get decoded(): number {
    return [...this.#current.values(), ...this.#previous.values()].filter((known) => known !== null).length;
  }
}

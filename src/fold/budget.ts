/**
 * Estimates, while records are folded, how many bytes a transaction will write. The fold encodes a conversation's state
 * once a transaction, at its end. Until then the estimate is the last written size plus the size of the new events.
 */
export interface Budget {
  /** Starts a new transaction. The function that it returns answers whether the estimate has reached `mostBytes`. */
  begin(mostBytes: number): () => boolean;
  /** Counts an output, with its size as written. */
  spend(bytes: number): void;
  /** This conversation's state changes, and grows by at most this many bytes. */
  change(conversationId: string, growsBy: number): void;
  /** A state as the changelog holds it; null: it holds none. */
  written(conversationId: string, value: Buffer | null): void;
}

/** The mean is 2 KB. Only the sizes of states above this limit are kept. */
const USUAL_BYTES = 4_096;

export function createBudget(): Budget {
  const large = new Map<string, number>();
  let changed = new Set<string>();
  let spent = 0;

  return {
    begin(mostBytes) {
      changed = new Set();
      spent = 0;
      return () => spent >= mostBytes;
    },
    spend(bytes) {
      spent += bytes;
    },
    change(conversationId, growsBy) {
      if (!changed.has(conversationId)) {
        changed.add(conversationId);
        spent += large.get(conversationId) ?? USUAL_BYTES;
      }
      spent += growsBy;
    },
    written(conversationId, value) {
      if (value !== null && value.length > USUAL_BYTES) large.set(conversationId, value.length);
      else large.delete(conversationId);
    },
  };
}

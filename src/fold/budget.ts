/**
 * Estimates, while records are folded, how many bytes a transaction will write. A conversation's state is encoded once a
 * transaction, at its end; until then it counts as what it was before, and what its events bring.
 */
export interface Budget {
  /** A new transaction. Answers whether it has reached `mostBytes`. */
  begin(mostBytes: number): () => boolean;
  /** An output, as it will be written. */
  spend(bytes: number): void;
  /** The state of this conversation changes, and grows by at most so many bytes. */
  change(conversationId: string, growsBy: number): void;
  /** A state as the changelog holds it; null: it holds none. */
  written(conversationId: string, value: Buffer | null): void;
}

/** Most states are smaller (the mean is 2 KB); only the size of larger ones is kept. */
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

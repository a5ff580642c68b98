const KIB = 1024;
const MIB = 1024 * KIB;

/** "Too large: a snapshot or a conversation's knowledge over a set limit" (specification, section 2). */
export interface Limits {
  readonly participants: number;
  readonly communications: number;
  /** Bytes of Avro: of a snapshot on its way to Kafka, or of a conversation's state in the fold. */
  readonly bytes: number;
}

/**
 * Conferences of Genesys have hundreds of participants, and a transferred call has a communication for each step. A
 * larger conversation is an attack or an error of its source. Only the bytes are a setting (LIMIT_SNAPSHOT_BYTES),
 * because brokers differ in them.
 */
export const DEFAULT_LIMITS: Limits = { participants: 2_000, communications: 10_000, bytes: 4 * MIB };

/** Limits of an input, checked before or beside its content. */
export interface InputLimits {
  /** The length of the whole input; a longer one is not parsed. */
  readonly bytes: number;
  /** How deeply objects and arrays may be nested. */
  readonly depth: number;
  /** The length of a text that is kept, e.g. a subject: bytes of UTF-8. */
  readonly textBytes: number;
}

/**
 * Not settings: a real notification has some 10 KB, a dozen levels and subjects of one line, so nobody needs more. An
 * input within these limits fits into the memory of a bridge of 256 MiB.
 */
export const DEFAULT_INPUT_LIMITS: InputLimits = { bytes: 16 * MIB, depth: 500, textBytes: 256 * KIB };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Only this bit differs between `[` and `{`, and between `]` and `}`. */
const CURLY = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;

/**
 * Whether JSON is nested more deeply than `depth`. For text that is not JSON, whether its beginning is. Reads each byte
 * three times at most.
 */
export function isDeeperThan(depth: number, json: Uint8Array): boolean {
  if (json.length <= depth || !hasMoreOpenings(depth, json)) return false;
  let open = 0;
  for (let index = 0; index < json.length; index++) {
    const byte = json[index] as number;
    if (byte === QUOTE) {
      for (index++; index < json.length && json[index] !== QUOTE; index++) if (json[index] === BACKSLASH) index++;
    } else if ((byte | CURLY) === OPENING) {
      if (++open > depth) return true;
    } else if ((byte | CURLY) === CLOSING) open--;
  }
  return false;
}

/** Counts brackets within texts, too. A notification has dozens; the engine's search for them is faster than a loop. */
function hasMoreOpenings(most: number, json: Uint8Array): boolean {
  let count = 0;
  for (const opening of [OPENING, OPENING ^ CURLY]) {
    for (let at = json.indexOf(opening); at >= 0; at = json.indexOf(opening, at + 1)) if (++count > most) return true;
  }
  return false;
}

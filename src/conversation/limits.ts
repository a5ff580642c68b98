const KIB = 1024;
const MIB = 1024 * KIB;

/** "Too large: a snapshot or a conversation's knowledge over a set limit" (specification, section 2). */
export interface Limits {
  readonly participants: number;
  readonly communications: number;
  /** Bytes of Avro: of a snapshot on its way to Kafka, of a conversation's state in the fold. */
  readonly bytes: number;
}

/**
 * Conferences of Genesys have hundreds of participants, a transferred call a communication for each step: what has more is
 * an attack or an error of its source. Only the bytes are a setting (LIMIT_SNAPSHOT_BYTES): brokers differ in them.
 */
export const DEFAULT_LIMITS: Limits = { participants: 2_000, communications: 10_000, bytes: 4 * MIB };

/** What is refused of an input before, or beside, what it says. */
export interface InputLimits {
  /** Of the whole input: more is not parsed. */
  readonly bytes: number;
  /** Objects and arrays within one another. */
  readonly depth: number;
  /** Of a text that is kept, such as a subject: bytes of UTF-8. */
  readonly textBytes: number;
}

/**
 * No settings: a real notification has some 10 KB, a dozen levels and subjects of a line, so nobody needs more; and what is
 * below costs a bridge of 256 MiB no more than it has.
 */
export const DEFAULT_INPUT_LIMITS: InputLimits = { bytes: 16 * MIB, depth: 500, textBytes: 256 * KIB };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `[` and `{`, `]` and `}` differ in this bit only. */
const CURLY = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;

/** Whether JSON is nested more deeply than that; of what is no JSON, whether it begins so. Looks at each byte thrice at most. */
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

/** Those within texts count, too. A notification has dozens; the search for them is the engine's, and quicker than a loop. */
function hasMoreOpenings(most: number, json: Uint8Array): boolean {
  let count = 0;
  for (const opening of [OPENING, OPENING ^ CURLY]) {
    for (let at = json.indexOf(opening); at >= 0; at = json.indexOf(opening, at + 1)) if (++count > most) return true;
  }
  return false;
}

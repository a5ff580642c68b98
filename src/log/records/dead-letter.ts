import { createHash } from 'node:crypto';
import type { Headers, OutRecord } from '../port';

/** The stage of the pipeline that refused an input. */
export type DeadLetterStage = 'bridge' | 'replay' | 'fold' | 'sink';

export interface DeadLetter {
  readonly stage: DeadLetterStage;
  readonly reason: string;
  /** For people. It contains nothing of the input's text. */
  readonly message: string;
  /** As read; only the beginning of a long key (`LONGEST_TEXT_BYTES`). */
  readonly key: string | Buffer | null;
  readonly origin: DeadLetterOrigin;
  /** The publishable part of the input: scrubbed (`withoutPersonalData`) if it parses, else `unreadable(bytes)`. */
  readonly body: unknown;
}

export type DeadLetterOrigin =
  | { readonly topic: string; readonly partition: number; readonly offset: number }
  /** A line of a file, or a socket. */
  | { readonly source: string };

const LARGEST_BODY = 64 * 1024;
/**
 * The limit of a key or a header. The input decides their length, and the log takes a record as a whole or not at all.
 */
export const LONGEST_TEXT_BYTES = 1_024;

export function deadLetterRecord(topic: string, letter: DeadLetter): OutRecord {
  const { origin } = letter;
  const key = typeof letter.key === 'string' ? Buffer.from(letter.key) : letter.key;
  const keyIsLong = key !== null && key.length > LONGEST_TEXT_BYTES;
  const headers: Headers = {
    'error.reason': letter.reason,
    'error.message': shortened(letter.message),
    'error.stage': letter.stage,
    'content-type': 'application/json',
    ...('topic' in origin
      ? {
          'source.topic': shortened(origin.topic),
          'source.partition': String(origin.partition),
          'source.offset': String(origin.offset),
        }
      : { source: shortened(origin.source) }),
    ...(keyIsLong ? { 'source.key.bytes': String(key.length), 'source.key.sha256': sha256(key) } : {}),
  };
  const value = beginning(Buffer.from(JSON.stringify(letter.body)), LARGEST_BODY);
  return { topic, key: keyIsLong ? beginning(key, LONGEST_TEXT_BYTES) : key, value, headers };
}

/** A text of at most `LONGEST_TEXT_BYTES` of UTF-8. */
function shortened(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= LONGEST_TEXT_BYTES) return text;
  const end = ` … (${bytes.length} bytes)`;
  return beginning(bytes, LONGEST_TEXT_BYTES - Buffer.byteLength(end)).toString() + end;
}

/** At most this many bytes, without part of a UTF-8 character at the end. */
function beginning(bytes: Buffer, most: number): Buffer {
  if (bytes.length <= most) return bytes;
  let end = most;
  while (end > most - LONGEST_CHARACTER && isContinuation(bytes[end])) end--;
  return bytes.subarray(0, isContinuation(bytes[end]) ? most : end);
}

const LONGEST_CHARACTER = 4;

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The only facts about an input that does not parse, because it may contain anything. */
export function unreadable(bytes: Uint8Array | null): { bytes: number; sha256: string } {
  return {
    bytes: bytes?.length ?? 0,
    sha256: sha256(bytes ?? Buffer.alloc(0)),
  };
}

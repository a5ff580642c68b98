import { createHash } from 'node:crypto';
import type { Headers, OutRecord } from '../port';

/** Where in the pipeline an input was refused. */
export type DeadLetterStage = 'bridge' | 'replay' | 'fold' | 'sink';

export interface DeadLetter {
  readonly stage: DeadLetterStage;
  readonly reason: string;
  /** For people; holds nothing of the input's text. */
  readonly message: string;
  /** As read. */
  readonly key: string | Buffer | null;
  readonly origin: DeadLetterOrigin;
  /** What may be told of the input: scrubbed (`withoutPersonalData`) where it parses, else `unreadable(bytes)`. */
  readonly body: unknown;
}

export type DeadLetterOrigin =
  | { readonly topic: string; readonly partition: number; readonly offset: number }
  /** A file's line, a socket. */
  | { readonly source: string };

const LARGEST_BODY = 64 * 1024;

export function deadLetterRecord(topic: string, letter: DeadLetter): OutRecord {
  const { origin } = letter;
  const headers: Headers = {
    'error.reason': letter.reason,
    'error.message': letter.message,
    'error.stage': letter.stage,
    'content-type': 'application/json',
    ...('topic' in origin
      ? {
          'source.topic': origin.topic,
          'source.partition': String(origin.partition),
          'source.offset': String(origin.offset),
        }
      : { source: origin.source }),
  };
  const text = JSON.stringify(letter.body);
  const value =
    Buffer.from(text).length <= LARGEST_BODY ? Buffer.from(text) : Buffer.from(text).subarray(0, LARGEST_BODY);
  return { topic, key: letter.key, value, headers };
}

/** All that is told of an input that does not parse: it may hold anything. */
export function unreadable(bytes: Uint8Array | null): { bytes: number; sha256: string } {
  return {
    bytes: bytes?.length ?? 0,
    sha256: createHash('sha256')
      .update(bytes ?? '')
      .digest('hex'),
  };
}

import type { RecordingTarget } from './target';

/** Writes lines to a disk or a pipe, in order. It is bounded: it stops the source when too many lines wait. */
export interface RecordingWriter {
  /** A line without its end. */
  add(line: string): void;
  /** Resolves when everything is written after `close`. Rejects with the error that prevents writing. */
  readonly done: Promise<void>;
  close(): Promise<void>;
}

export interface RecordingWriterOptions {
  readonly target: RecordingTarget;
  /** How long lines may wait for others, to be packed together. */
  readonly gatherMs: number;
  readonly fullBytes?: number;
  readonly onFull: () => void;
  readonly onRoom: () => void;
}

const MIB = 1024 * 1024;
const PIECE_BYTES = MIB;
/** How often to check whether a file has reached its age. */
const ROTATE_EVERY_MS = 1_000;

export function startRecordingWriter(options: RecordingWriterOptions): RecordingWriter {
  const { target, gatherMs, fullBytes = 64 * MIB, onFull, onRoom } = options;
  let waiting: Buffer[] = [];
  let bytes = 0;
  let full = false;
  let closing = false;
  let wake: () => void = () => undefined;

  const pause = async (ms: number): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  };

  const take = (): readonly Buffer[] => {
    let size = 0;
    const enough = waiting.findIndex((line) => (size += line.length) >= PIECE_BYTES);
    return waiting.slice(0, enough < 0 ? waiting.length : enough + 1);
  };

  const run = async (): Promise<void> => {
    while (waiting.length > 0 || !closing) {
      await target.rotate();
      if (waiting.length === 0 && !isClosing()) await pause(ROTATE_EVERY_MS);
      if (waiting.length === 0) continue;
      if (gatherMs > 0 && bytes < PIECE_BYTES && !isClosing()) await pause(gatherMs);
      const lines = take();
      await target.write(lines);
      waiting = waiting.slice(lines.length);
      for (const line of lines) bytes -= line.length;
      if (full && bytes < fullBytes / 2) {
        full = false;
        onRoom();
      }
    }
    await target.close();
  };
  const isClosing = (): boolean => closing;

  const done = run();
  // A caller that waits for `done` gets the error. Until then perhaps nobody waits.
  done.catch(() => undefined);

  return {
    add: (line) => {
      const ended = Buffer.from(`${line}\n`);
      waiting.push(ended);
      bytes += ended.length;
      if (!full && bytes >= fullBytes) {
        full = true;
        onFull();
      }
      if (gatherMs === 0 || bytes >= PIECE_BYTES || waiting.length === 1) wake();
    },
    done,
    close: async () => {
      closing = true;
      wake();
      await done.catch(() => target.close());
    },
  };
}

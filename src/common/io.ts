import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { isatty } from 'node:tty';

/** The streams of a process, as commands use them. */
export interface Io {
  /** Machine output, nothing else. */
  readonly stdout: OutputStream;
  /** Logs, progress, errors. */
  readonly stderr: OutputStream;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean; destroy(error?: Error): unknown };
  /**
   * Of a process: what reads its descriptor 0 behind our back (the embedded ClickHouse takes it for data of an INSERT) finds
   * nothing there from now on. With `relayed`, `stdin` goes on. To be called before anything has read from `stdin`.
   */
  readonly detachStdin?: (use: 'unused' | 'relayed') => void;
  /** Whether colours are wanted on a terminal (`NO_COLOR`, `TERM=dumb`). */
  readonly color: boolean;
}

export type OutputStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

export function processIo(): Io {
  const { stdout, stderr, env } = process;
  let relay: Io['stdin'] | null = null;
  return {
    stdout,
    stderr,
    // Not before somebody wants it: what has no stream yet can still be handed on.
    get stdin() {
      return relay ?? process.stdin;
    },
    color: (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    detachStdin: (use) => {
      // A terminal is no data.
      if (isatty(0)) return;
      if (use === 'relayed') relay = startRelay();
      // The lowest free descriptor is the one that was closed.
      closeSync(0);
      openSync('/dev/null', 'r');
    },
  };
}

/** A process that inherits the descriptor and passes on what it reads: whatever kind it is, a pipe, a file or a socket. */
function startRelay(): Io['stdin'] {
  const child = spawn('cat', [], { stdio: ['inherit', 'pipe', 'ignore'] });
  // Piped at once: of a child that has ended, Node.js throws away what nobody reads yet.
  const relayed = child.stdout.pipe(new PassThrough());
  child.once('error', (error) => relayed.destroy(error));
  relayed.once('close', () => child.kill());
  process.once('exit', () => child.kill());
  return relayed;
}

/** Writes and waits until the stream took it: long outputs do not pile up in memory. */
export function write(stream: OutputStream, output: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(output, (error) => (error ? reject(error) : resolve()));
  });
}

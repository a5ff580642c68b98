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
   * Puts an empty descriptor 0 in the place of stdin. The embedded ClickHouse reads that descriptor behind our back,
   * and takes what it finds for data of an INSERT. With `relayed`, `stdin` continues. Call it before anything has read
   * from `stdin`.
   */
  readonly detachStdin?: (use: 'unused' | 'relayed') => void;
  /** Whether a terminal gets colors (`NO_COLOR`, `TERM=dumb`). */
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
    // Only on demand: a descriptor without a stream can still be handed on.
    get stdin() {
      return relay ?? process.stdin;
    },
    color: (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    detachStdin: (use) => {
      // A terminal has no data.
      if (isatty(0)) return;
      if (use === 'relayed') relay = startRelay();
      // The system gives the lowest free descriptor, which is the one just closed.
      closeSync(0);
      openSync('/dev/null', 'r');
    },
  };
}

/**
 * Starts a process that inherits the descriptor and passes on what it reads, whether that is a pipe, a file or a
 * socket.
 */
function startRelay(): Io['stdin'] {
  const child = spawn('cat', [], { stdio: ['inherit', 'pipe', 'ignore'] });
  // At once, because Node.js throws away the unread output of a child that has ended.
  const relayed = child.stdout.pipe(new PassThrough());
  child.once('error', (error) => relayed.destroy(error));
  relayed.once('close', () => child.kill());
  process.once('exit', () => child.kill());
  return relayed;
}

/** Writes, and waits until the stream has taken it, so that long outputs do not pile up in memory. */
export function write(stream: OutputStream, output: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(output, (error) => (error ? reject(error) : resolve()));
  });
}

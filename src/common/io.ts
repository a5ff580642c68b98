/** The streams of a process, as commands use them. */
export interface Io {
  /** Machine output, nothing else. */
  readonly stdout: OutputStream;
  /** Logs, progress, errors. */
  readonly stderr: OutputStream;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean; destroy(error?: Error): unknown };
  /** Whether colours are wanted on a terminal (`NO_COLOR`, `TERM=dumb`). */
  readonly color: boolean;
}

export type OutputStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

export function processIo(): Io {
  const { stdout, stderr, stdin, env } = process;
  return { stdout, stderr, stdin, color: (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' };
}

/** Writes and waits until the stream took it: long outputs do not pile up in memory. */
export function write(stream: OutputStream, output: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(output, (error) => (error ? reject(error) : resolve()));
  });
}

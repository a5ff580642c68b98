import { open, rm, stat, type FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { messageOf, OperatorError, type OutputStream, write } from '../common';
import type { FileNames } from './recording-names';

/** The destination of the lines of a recording. */
export interface RecordingTarget {
  /** Lines with their ends. Rejects with an OperatorError that names the file. */
  write(lines: readonly Buffer[]): Promise<void>;
  /** Ends a file that has reached its age. */
  rotate(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
  files(): readonly string[];
}

export interface Rotation {
  /** The size of the lines before packing; null: any size. */
  readonly bytes: number | null;
  readonly afterMs: number | null;
}

const pack = promisify(gzip);

/** Writes files one after the other. Only their owner can read them. The first file exists when this resolves. */
export async function openRecordingFiles(
  names: FileNames,
  format: 'plain' | 'gzip',
  rotation: Rotation,
): Promise<RecordingTarget> {
  const files: string[] = [];
  let current: OpenFile | null = await next();

  async function next(): Promise<OpenFile> {
    const created = await create(names);
    files.push(created.path);
    return { ...created, openedAt: Date.now(), lineBytes: 0, written: 0 };
  }

  const end = async (): Promise<void> => {
    const ended = current;
    current = null;
    await ended?.handle.close();
    // An empty file would only block the next attempt.
    if (ended?.lineBytes === 0 && !ended.isSpecial) {
      await rm(ended.path, { force: true });
      files.pop();
    }
  };

  const append = async (file: OpenFile, lines: readonly Buffer[]): Promise<void> => {
    const plain = Buffer.concat(lines);
    // Each write makes a gzip member of its own, and all members together are one gzip file. So everything that was
    // written is complete, whatever happens later.
    const bytes = format === 'gzip' ? await pack(plain) : plain;
    try {
      await file.handle.writeFile(bytes);
    } catch (error) {
      // Cuts off half a line.
      await file.handle.truncate(file.written).catch(() => undefined);
      throw notWritten(file.path, error);
    }
    file.written += bytes.length;
    file.lineBytes += plain.length;
  };

  const isFull = (file: OpenFile, more: number): boolean =>
    rotation.bytes !== null && file.lineBytes > 0 && file.lineBytes + more > rotation.bytes;
  const isDue = (file: OpenFile): boolean =>
    rotation.afterMs !== null && file.lineBytes > 0 && Date.now() - file.openedAt >= rotation.afterMs;

  return {
    write: async (lines) => {
      for (let rest = lines; rest.length > 0;) {
        if (current !== null && isFull(current, rest[0]?.length ?? 0)) await end();
        current ??= await next();
        const fitting = countThatFits(rest, rotation.bytes === null ? Infinity : rotation.bytes - current.lineBytes);
        await append(current, rest.slice(0, fitting));
        rest = rest.slice(fitting);
      }
    },
    rotate: async () => {
      if (current !== null && isDue(current)) await end();
    },
    close: end,
    files: () => files,
  };
}

export function openRecordingStream(stream: OutputStream, format: 'plain' | 'gzip'): RecordingTarget {
  return {
    write: async (lines) => {
      const plain = Buffer.concat(lines);
      await write(stream, format === 'gzip' ? await pack(plain) : plain);
    },
    rotate: () => Promise.resolve(),
    close: () => Promise.resolve(),
    files: () => [],
  };
}

interface Created {
  readonly path: string;
  readonly handle: FileHandle;
  /** A pipe or a device. */
  readonly isSpecial: boolean;
}

interface OpenFile extends Created {
  readonly openedAt: number;
  lineBytes: number;
  /** Whole lines, in the form in which they are on the disk. */
  written: number;
}

/** At least one line, however long. */
function countThatFits(lines: readonly Buffer[], room: number): number {
  let bytes = 0;
  const tooMuch = lines.findIndex((line) => (bytes += line.length) > room);
  return tooMuch < 0 ? lines.length : Math.max(1, tooMuch);
}

async function create(names: FileNames): Promise<Created> {
  for (;;) {
    const path = names.next();
    try {
      // A pipe or a device is written as it is. A file of somebody else is not.
      const isSpecial = await stat(path).then(
        (found) => !found.isFile() && !found.isDirectory(),
        () => false,
      );
      return { path, handle: await open(path, isSpecial ? 'w' : 'wx', 0o600), isSpecial };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST' && names.skipTaken) continue;
      throw notWritten(path, error);
    }
  }
}

function notWritten(path: string, error: unknown): OperatorError {
  const full = (error as NodeJS.ErrnoException).code === 'ENOSPC' ? ' Free some space, and record again.' : '';
  return new OperatorError(
    `${path}: queuefold cannot write it (${messageOf(error)}).${full} All earlier lines are complete, and replay reads them.`,
  );
}

import { mkdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { messageOf, OperatorError, UsageError } from '../common';

/** The paths of a recording's files. */
export interface FileNames {
  next(): string;
  /** Whether to skip a path that exists; else it is an error. */
  readonly skipTaken: boolean;
}

/**
 * Reads `--out`. An existing path keeps its kind. A new name with an extension is a file. Any other name is a
 * directory, which is created.
 * @throws UsageError if the file exists, or if its name does not fit the format
 */
export function recordingNames(out: string, format: 'plain' | 'gzip'): FileNames {
  const found = statOf(out);
  if (found !== null && !found.isFile() && !found.isDirectory()) return { next: () => out, skipTaken: false };
  if (found?.isDirectory() === true || (found === null && !hasExtension(out))) return inDirectory(out, format);
  if (found !== null) throw new UsageError(`--out: ${out} exists already. Name a new file or a directory`);
  if (format === 'gzip' && !out.endsWith('.gz')) {
    throw new UsageError(
      `--out: ${out} must end in .gz with --gzip, because replay recognizes a compressed file by its name.`,
    );
  }
  return numbered(out);
}

function hasExtension(path: string): boolean {
  return /[^/\\.][^/\\]*\.[A-Za-z]+$/.test(path);
}

/** Names files by the time at which each begins. */
function inDirectory(directory: string, format: 'plain' | 'gzip'): FileNames {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new OperatorError(
      `--out: cannot create the directory ${directory} (${messageOf(error)}). Name another directory.`,
    );
  }
  const ending = format === 'gzip' ? '.ndjson.gz' : '.ndjson';
  return {
    next: () => join(directory, `recording-${new Date().toISOString().replace(/[-:.]/g, '')}${ending}`),
    skipTaken: true,
  };
}

/** `calls.ndjson`, `calls-2.ndjson`, … */
function numbered(path: string): FileNames {
  const [ending = ''] = /(\.ndjson|\.jsonl|\.json)?(\.[A-Za-z]+)$/.exec(path) ?? [];
  const stem = path.slice(0, path.length - ending.length);
  let count = 0;
  return { next: () => (++count === 1 ? path : `${stem}-${count}${ending}`), skipTaken: true };
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new OperatorError(`--out: cannot use ${path} (${messageOf(error)}). Name another file or directory.`);
  }
}

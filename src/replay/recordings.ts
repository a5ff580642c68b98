import { createReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { messageOf, OperatorError } from '../common';
import { type Line, documentsOf } from '../ingest';

/** Checks that every file is readable, before anything starts. */
export function checkRecordings(files: readonly string[]): void {
  for (const file of files.filter((name) => name !== '-')) {
    let isFile: boolean;
    try {
      isFile = statSync(file).isFile() || !statSync(file).isDirectory();
    } catch (error) {
      throw new OperatorError(`${file}: queuefold cannot read it (${messageOf(error)})`);
    }
    if (!isFile) throw new OperatorError(`${file}: this is a directory. Name the files in it`);
    if (file.endsWith('.zst') && zstd() === null) {
      throw new OperatorError(
        `${file}: Node.js ${process.version} cannot read .zst, 22.15 and later can. Run: zstd -dc ${file} | queuefold replay -`,
      );
    }
  }
}

/** The lines of recordings, one file after the other; `-` is stdin. `.gz` and `.zst` are unpacked. */
export async function* recordedLines(
  files: readonly string[],
  stdin: AsyncIterable<string | Buffer>,
): AsyncGenerator<{ line: Line; origin: string }> {
  for (const file of files) {
    const name = file === '-' ? 'stdin' : file;
    const stream = file === '-' ? bytesOf(stdin) : open(file);
    let last = '0';
    try {
      for await (const { line, place } of documentsOf(stream)) {
        last = place;
        yield { line, origin: `${name}:${place}` };
      }
    } catch (error) {
      throw isReadError(error)
        ? new OperatorError(`${name}: queuefold cannot read it after line ${last} (${messageOf(error)})`)
        : error;
    }
  }
}

function open(file: string): AsyncIterable<Buffer> {
  const raw = createReadStream(file, { highWaterMark: 256 * 1024 });
  if (file.endsWith('.gz')) return unpacked(raw, zlib.createGunzip());
  const unzstd = file.endsWith('.zst') ? zstd() : null;
  return unzstd === null ? raw : unpacked(raw, unzstd());
}

function unpacked(raw: Readable, transform: NodeJS.ReadWriteStream & Readable): AsyncIterable<Buffer> {
  raw.on('error', (error) => transform.destroy(error));
  return raw.pipe(transform);
}

/** Only newer versions of Node.js have it. */
function zstd(): (() => NodeJS.ReadWriteStream & Readable) | null {
  const create = (zlib as { createZstdDecompress?: () => NodeJS.ReadWriteStream & Readable }).createZstdDecompress;
  return create ?? null;
}

async function* bytesOf(stream: AsyncIterable<string | Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

function isReadError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

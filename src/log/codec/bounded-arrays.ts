import { types } from 'avsc';

/** The part of avsc's reader that this file uses (avsc/lib/utils.js, Tap). */
interface Tap {
  readonly buf: Buffer;
  pos: number;
  readLong(): number;
  skipLong(): void;
}

interface ArrayReader {
  itemsType: { _read(tap: Tap): unknown; _skip(tap: Tap): void };
  _read(tap: Tap): unknown[];
  _skip(tap: Tap): void;
}

/**
 * avsc trusts the item count in front of an array, so bytes that are not Avro can make it allocate until the process
 * dies. Each item of our schemas takes at least one byte, so a count above the number of bytes left is invalid.
 * Resolvers take over `_read` from the array type that they are made of (ArrayType.prototype._update), and with it this
 * check.
 */
export function boundArrays(): void {
  Object.assign(types.ArrayType.prototype, { _read: readBounded, _skip: skipBounded });
}

function readBounded(this: ArrayReader, tap: Tap): unknown[] {
  const items: unknown[] = [];
  for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
    for (; count > 0; count--) items.push(this.itemsType._read(tap));
  }
  return items;
}

function skipBounded(this: ArrayReader, tap: Tap): void {
  for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
    for (; count > 0; count--) this.itemsType._skip(tap);
  }
}

function blockCount(tap: Tap): number {
  let count = tap.readLong();
  if (count < 0) {
    count = -count;
    tap.skipLong();
  }
  if (count <= tap.buf.length - tap.pos) return count;
  // Makes the tap invalid, and avsc reports that as truncated.
  tap.pos = tap.buf.length + 1;
  return 0;
}

import { types } from 'avsc';

/** avsc's reader, as far as this file touches it (avsc/lib/utils.js, Tap). */
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
 * avsc believes the item count in front of an array: bytes that are not Avro can make it allocate until the process
 * dies. Each item of our schemas takes a byte at least, so a count above the bytes left is no count. Resolvers take
 * over `_read` from the array type that they are made of (ArrayType.prototype._update), and with it this check.
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
  // Makes the tap invalid, which avsc reports as truncated.
  tap.pos = tap.buf.length + 1;
  return 0;
}

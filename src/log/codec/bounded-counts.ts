import { types } from 'avsc';

/** The part of avsc's reader that this file uses (avsc/lib/utils.js, Tap). */
interface Tap {
  readonly buf: Buffer;
  pos: number;
  readLong(): number;
  skipLong(): void;
  readString(): string;
  skipString(): void;
}

interface ItemType {
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
}

interface ArrayReader {
  itemsType: ItemType;
}

interface MapReader {
  valuesType: ItemType;
}

/**
 * avsc trusts the item counts in front of arrays and maps, so bytes that are not Avro can make it allocate until the
 * process dies, or count for hours. Each item of our schemas takes at least one byte, so a count above the number of
 * bytes left is invalid, and so is an item without a byte. Resolvers take over `_read` from the type that they are made
 * of (`_update`), and with it this check. Our schemas have no maps, but another version's may.
 *
 * avsc also takes a size of hundreds of bytes, which is not a number, and then cuts all later bytes and fixed values of
 * the process out of nowhere: they are empty.
 */
export function boundCounts(): void {
  Object.assign(types.ArrayType.prototype, { _read: readArray, _skip: skipArray });
  Object.assign(types.MapType.prototype, { _read: readMap, _skip: skipMap });
  Object.assign(types.BytesType.prototype, { _read: readBytes });
}

function readArray(this: ArrayReader, tap: Tap): unknown[] {
  const items: unknown[] = [];
  forEachItem(tap, () => void items.push(this.itemsType._read(tap)));
  return items;
}

function skipArray(this: ArrayReader, tap: Tap): void {
  forEachItem(tap, () => this.itemsType._skip(tap));
}

function readMap(this: MapReader, tap: Tap): Record<string, unknown> {
  const items: Record<string, unknown> = {};
  forEachItem(tap, () => {
    const key = tap.readString();
    items[key] = this.valuesType._read(tap);
  });
  return items;
}

function skipMap(this: MapReader, tap: Tap): void {
  forEachItem(tap, () => {
    tap.skipString();
    this.valuesType._skip(tap);
  });
}

function readBytes(tap: Tap): Buffer {
  const size = tap.readLong();
  const from = tap.pos;
  if (!(size >= 0 && size <= tap.buf.length - from)) {
    invalidate(tap);
    return Buffer.alloc(0);
  }
  tap.pos = from + size;
  return Buffer.from(tap.buf.subarray(from, tap.pos));
}

function forEachItem(tap: Tap, pass: () => void): void {
  for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
    for (; count > 0; count--) {
      const { pos } = tap;
      pass();
      if (tap.pos > pos) continue;
      invalidate(tap);
      return;
    }
  }
}

function blockCount(tap: Tap): number {
  let count = tap.readLong();
  if (count < 0) {
    count = -count;
    tap.skipLong();
  }
  if (count <= tap.buf.length - tap.pos) return count;
  invalidate(tap);
  return 0;
}

/** avsc reports that as truncated. */
function invalidate(tap: Tap): void {
  tap.pos = tap.buf.length + 1;
}

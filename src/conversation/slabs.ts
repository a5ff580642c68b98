/**
 * Values by id, as bytes in large buffers. A Buffer for each value would cost a hundred bytes more, and would keep
 * alive the buffer that it was cut from. A value occupies whole units, with its length in front. The space that it
 * gives up serves later values of as many units. When gaps exceed a third, all values move together, a few with each
 * change, so that no change takes long.
 */
export interface Slabs {
  has(id: string): boolean;
  /** A view, valid until the next change; null: none. */
  get(id: string): Buffer | null;
  /** Copies the bytes. */
  set(id: string, bytes: Buffer): void;
  /** Keeps a place in the order for an id whose bytes come later. */
  reserve(id: string): void;
  delete(id: string): void;
  /** In the order of arrival. */
  ids(): Iterable<string>;
  /** The number of ids. */
  readonly size: number;
  /** The size of the buffers. */
  readonly bytes: number;
  /** How many values the closing of gaps has looked at since the beginning. */
  readonly looked: number;
}

const UNIT = 32;
const SLAB = 1024 * 1024;
/** Bytes for the length, in front of the value. */
const LENGTH = 4;
/** In bytes. A larger value has a buffer of its own. */
export const LARGEST = 16 * 1024;
/** While gaps are being closed, each change looks at this many values and copies at most 128 KiB. */
export const LOOKED_AT_ONCE = 8;

interface Slab {
  readonly bytes: Buffer;
  /** The round of closing gaps before which this slab was opened. Values move out of the slabs of earlier rounds. */
  readonly round: number;
  /** Units in use. */
  used: number;
}

/** A number is a place, in units over all slabs; V8 keeps it within the entry of the map. Null: reserved. */
type Place = number | Buffer | null;

/**
 * @param slabBytes the size of each buffer: a multiple of 32, and more than `LARGEST`. Gaps below one slab are never
 * closed.
 */
export function createSlabs(slabBytes = SLAB): Slabs {
  return new PackedSlabs(slabBytes);
}

class PackedSlabs implements Slabs {
  /** The size of a slab, in bytes and in units. */
  readonly #slabBytes: number;
  readonly #slabUnits: number;
  readonly #places = new Map<string, Place>();
  /** The slabs by number; null: the number is free. */
  readonly #slabs: (Slab | null)[] = [];
  readonly #freeNumbers: number[] = [];
  #spare: Buffer | null = null;
  /** The bytes of values with a buffer of their own. */
  #large = 0;
  // The slabs of this round:
  #round = 0;
  /** Free places, by their number of units. */
  #gaps: number[][] = [];
  #gapUnits = 0;
  #units = 0;
  /**
   * The first unit that was never used, in the slab that was opened last. At the start of a slab: the last slab is
   * full.
   */
  #end = 0;
  /** The values that this round has not looked at; null: none is left to move. */
  #unmoved: Iterator<[string, Place]> | null = null;
  looked = 0;

  constructor(slabBytes: number) {
    this.#slabBytes = slabBytes;
    this.#slabUnits = slabBytes / UNIT;
  }

  has(id: string): boolean {
    return this.#places.has(id);
  }

  get(id: string): Buffer | null {
    const place = this.#places.get(id) ?? null;
    return typeof place === 'number' ? this.#viewAt(place) : place;
  }

  set(id: string, bytes: Buffer): void {
    const before = this.#places.get(id);
    if (typeof before === 'number' && unitsOf(bytes.length) === this.#unitsAt(before)) {
      this.#write(before, bytes);
    } else {
      this.#giveUp(before);
      this.#places.set(id, bytes.length > LARGEST ? this.#keepLarge(bytes) : this.#place(bytes));
    }
    this.#closeGaps();
  }

  reserve(id: string): void {
    if (!this.#places.has(id)) this.#places.set(id, null);
  }

  delete(id: string): void {
    this.#giveUp(this.#places.get(id));
    this.#places.delete(id);
    this.#closeGaps();
  }

  ids(): Iterable<string> {
    return this.#places.keys();
  }

  get size(): number {
    return this.#places.size;
  }

  get bytes(): number {
    const slabs = this.#slabs.length - this.#freeNumbers.length + Number(this.#spare !== null);
    return slabs * this.#slabBytes + this.#large;
  }

  #keepLarge(bytes: Buffer): Buffer {
    this.#large += bytes.length;
    return Buffer.from(bytes);
  }

  #place(bytes: Buffer): number {
    const place = this.#allocate(unitsOf(bytes.length));
    this.#write(place, bytes);
    return place;
  }

  #allocate(units: number): number {
    const place = this.#takeGap(units) ?? this.#takeEnd(units);
    this.#slabAt(place).used += units;
    return place;
  }

  #takeGap(units: number): number | null {
    const gap = this.#gaps[units]?.pop();
    if (gap === undefined) return null;
    this.#gapUnits -= units;
    return gap;
  }

  #takeEnd(units: number): number {
    const used = this.#end % this.#slabUnits;
    const left = used === 0 ? 0 : this.#slabUnits - used;
    if (left < units) {
      if (left > 0) this.#leaveGap(this.#end, left);
      this.#end = this.#openSlab() * this.#slabUnits;
    }
    const place = this.#end;
    this.#end += units;
    return place;
  }

  /** Returns the slab's number. */
  #openSlab(): number {
    const number = this.#freeNumbers.pop() ?? this.#slabs.length;
    this.#slabs[number] = {
      bytes: this.#spare ?? Buffer.allocUnsafeSlow(this.#slabBytes),
      round: this.#round,
      used: 0,
    };
    this.#spare = null;
    this.#units += this.#slabUnits;
    return number;
  }

  #leaveGap(place: number, units: number): void {
    (this.#gaps[units] ??= []).push(place);
    this.#gapUnits += units;
  }

  #giveUp(place: Place | undefined): void {
    if (typeof place === 'number') this.#release(place, this.#unitsAt(place));
    else if (place instanceof Buffer) this.#large -= place.length;
  }

  #release(place: number, units: number): void {
    const slab = this.#slabAt(place);
    slab.used -= units;
    if (slab.round === this.#round) this.#leaveGap(place, units);
    else if (slab.used === 0) this.#closeSlab(Math.floor(place / this.#slabUnits));
  }

  /** Keeps one buffer for the next slab, so that a round allocates little memory. */
  #closeSlab(number: number): void {
    this.#spare = this.#slabs[number]?.bytes ?? null;
    this.#slabs[number] = null;
    this.#freeNumbers.push(number);
  }

  #closeGaps(): void {
    if (this.#unmoved === null) {
      if (this.#gapUnits < this.#slabUnits || 3 * this.#gapUnits < this.#units) return;
      this.#beginRound();
    }
    for (let count = 0; count < LOOKED_AT_ONCE && this.#unmoved !== null; count++) this.#moveNext(this.#unmoved);
  }

  #beginRound(): void {
    this.#round += 1;
    this.#gaps = [];
    this.#gapUnits = 0;
    this.#units = 0;
    this.#end = 0;
    this.#unmoved = this.#places.entries();
    for (const [number, slab] of this.#slabs.entries()) if (slab?.used === 0) this.#closeSlab(number);
  }

  #moveNext(unmoved: Iterator<[string, Place]>): void {
    const next = unmoved.next();
    if (next.done === true) {
      this.#unmoved = null;
      this.#spare = null;
      return;
    }
    this.looked += 1;
    const [id, place] = next.value;
    if (typeof place !== 'number' || this.#slabAt(place).round === this.#round) return;
    const bytes = this.#viewAt(place);
    this.#places.set(id, this.#place(bytes));
    this.#release(place, unitsOf(bytes.length));
  }

  #slabAt(place: number): Slab {
    return this.#slabs[Math.floor(place / this.#slabUnits)] as Slab;
  }

  #write(place: number, bytes: Buffer): void {
    const slab = this.#slabAt(place).bytes;
    const start = (place % this.#slabUnits) * UNIT;
    slab.writeUInt32LE(bytes.length, start);
    bytes.copy(slab, start + LENGTH);
  }

  #unitsAt(place: number): number {
    return unitsOf(this.#slabAt(place).bytes.readUInt32LE((place % this.#slabUnits) * UNIT));
  }

  #viewAt(place: number): Buffer {
    const slab = this.#slabAt(place).bytes;
    const start = (place % this.#slabUnits) * UNIT + LENGTH;
    return slab.subarray(start, start + slab.readUInt32LE(start - LENGTH));
  }
}

function unitsOf(bytes: number): number {
  return Math.ceil((bytes + LENGTH) / UNIT);
}

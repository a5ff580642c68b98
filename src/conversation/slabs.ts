/**
 * Values by id, as bytes in large buffers: a Buffer each would cost a hundred bytes more, and keep alive what it was cut
 * from. A value lies in whole units behind its length. What it gives up is used again for values of as many units. When
 * gaps are more than a third, all values move together, a few with each change, so that no change takes long.
 */
export interface Slabs {
  has(id: string): boolean;
  /** A view, right until the next change; null: none. */
  get(id: string): Buffer | null;
  /** Copies the bytes. */
  set(id: string, bytes: Buffer): void;
  /** Keeps a place in the order for an id whose bytes come later. */
  reserve(id: string): void;
  delete(id: string): void;
  /** In the order in which they came in. */
  ids(): Iterable<string>;
  /** What the buffers take. */
  readonly bytes: number;
  /** How many values have been looked at to close gaps, since the beginning. */
  readonly looked: number;
}

const UNIT = 32;
const SLAB = 1024 * 1024;
/** In front of the bytes. */
const LENGTH = 4;
/** A larger value has a buffer of its own. */
export const LARGEST = 16 * 1024;
/** So many values are looked at with each change while gaps are closed; at most 128 KiB are copied. */
export const LOOKED_AT_ONCE = 8;

interface Slab {
  readonly bytes: Buffer;
  /** The round of closing gaps before which it was opened; values move out of the slabs of earlier rounds. */
  readonly round: number;
  /** Units in use. */
  used: number;
}

/** A number is a place, in units over all slabs, which V8 keeps within the entry of the map; null: reserved. */
type Place = number | Buffer | null;

/** @param slabBytes of each buffer: a multiple of 32, and more than `LARGEST`. Gaps of less than one are never closed. */
export function createSlabs(slabBytes = SLAB): Slabs {
  return new PackedSlabs(slabBytes);
}

class PackedSlabs implements Slabs {
  /** Of each slab, in bytes and in units. */
  readonly #slabBytes: number;
  readonly #slabUnits: number;
  readonly #places = new Map<string, Place>();
  /** By number; null: the number is free. */
  readonly #slabs: (Slab | null)[] = [];
  readonly #freeNumbers: number[] = [];
  #spare: Buffer | null = null;
  /** The bytes of values with a buffer of their own. */
  #large = 0;
  // Of the slabs of this round:
  #round = 0;
  /** Places by number of units. */
  #gaps: number[][] = [];
  #gapUnits = 0;
  #units = 0;
  /** The first unit that was never used, in the slab that was opened last; where a slab would begin: that is full. */
  #end = 0;
  /** The values that have not been looked at in this round; null: none is left to move. */
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
    if (typeof before === 'number' && unitsOf(bytes.length) === unitsOf(this.#viewAt(before).length)) {
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

  /** Answers its number. */
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
    if (typeof place === 'number') this.#release(place, unitsOf(this.#viewAt(place).length));
    else if (place instanceof Buffer) this.#large -= place.length;
  }

  #release(place: number, units: number): void {
    const slab = this.#slabAt(place);
    slab.used -= units;
    if (slab.round === this.#round) this.#leaveGap(place, units);
    else if (slab.used === 0) this.#closeSlab(Math.floor(place / this.#slabUnits));
  }

  /** One is kept for the next that is opened, so that a round asks for little memory. */
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

  #viewAt(place: number): Buffer {
    const slab = this.#slabAt(place).bytes;
    const start = (place % this.#slabUnits) * UNIT + LENGTH;
    return slab.subarray(start, start + slab.readUInt32LE(start - LENGTH));
  }
}

function unitsOf(bytes: number): number {
  return Math.ceil((bytes + LENGTH) / UNIT);
}

/** A small seeded source of randomness: the same seed gives the same organization on every machine. */
export interface Random {
  /** 0 ≤ x < 1 */
  fraction(): number;
  /** Both ends included. */
  integer(least: number, greatest: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** A version-4 UUID in lower case. */
  uuid(): string;
  /** Exponentially distributed, at least 1. */
  gap(mean: number): number;
}

const UINT32 = 0x1_0000_0000;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** sfc32 (Chris Doty-Humphrey's PractRand), seeded from any number of integers. */
export function createRandom(...seeds: readonly number[]): Random {
  const mix = seedMixer(seeds);
  let a = mix();
  let b = mix();
  let c = mix();
  let counter = 1;

  function next(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  }
  for (let round = 0; round < 12; round += 1) next();

  const fraction = (): number => next() / UINT32;
  const twoBytes = (bits: number): string => `${HEX[(bits >>> 8) & 0xff] ?? ''}${HEX[bits & 0xff] ?? ''}`;

  return {
    fraction,
    integer: (least, greatest) => least + Math.floor(fraction() * (greatest - least + 1)),
    chance: (probability) => fraction() < probability,
    pick<T>(items: readonly T[]): T {
      const item = items[Math.floor(fraction() * items.length)];
      if (item === undefined) throw new RangeError('pick from an empty list');
      return item;
    },
    uuid() {
      const [p, q, r, t] = [next(), next(), next(), next()];
      const version = 0x4000 | (q & 0x0fff);
      const variant = 0x8000 | ((r >>> 16) & 0x3fff);
      const [head, tail] = [twoBytes(p >>> 16) + twoBytes(p), twoBytes(r) + twoBytes(t >>> 16) + twoBytes(t)];
      return `${head}-${twoBytes(q >>> 16)}-${twoBytes(version)}-${twoBytes(variant)}-${tail}`;
    },
    gap: (mean) => Math.max(1, Math.round(-Math.log(1 - fraction()) * mean)),
  };
}

/** splitmix32 over all the seeds, so that neighboring seeds give unrelated streams. */
function seedMixer(seeds: readonly number[]): () => number {
  let state = 0x9e3779b9;
  const mix = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  for (const seed of seeds) {
    state = (state ^ Math.floor(seed) ^ Math.imul(Math.floor(seed / UINT32), 0x85ebca6b)) | 0;
    state = mix();
  }
  return mix;
}

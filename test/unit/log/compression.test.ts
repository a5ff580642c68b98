import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OperatorError } from '../../../src/common';
import { compressionOf } from '../../../src/log/kafkajs/client';
import { BatchTooLarge, codecOf, type Compression } from '../../../src/log/kafkajs/compression';
import { ZSTD_OF_QUEUEFOLD } from '../../support/kafka/zstd-frames';

const ALL: readonly Compression[] = ['gzip', 'snappy', 'lz4', 'zstd'];
/** Node before 22.15 only reads zstd. */
const WRITTEN = ALL.filter((name) => name !== 'zstd' || 'zstdCompressSync' in process.getBuiltinModule('node:zlib'));
const MIB = 1024 * 1024;

function codec(name: Compression) {
  const found = codecOf(compressionOf({ compression: name }));
  if (found === undefined) throw new Error(name);
  return found.codec;
}

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varint(Math.floor(value / 0x80))];

describe('codecs', () => {
  test('have the numbers that the protocol gives them', () => {
    expect(ALL.map((compression) => [compression, compressionOf({ compression })])).toEqual([
      ['gzip', 1],
      ['snappy', 2],
      ['lz4', 3],
      ['zstd', 4],
    ]);
    expect(compressionOf({})).toBe(0);
    for (const name of ALL) expect(codecOf(compressionOf({ compression: name }))?.name).toBe(name);
    expect(codecOf(0)).toBeUndefined();
    expect(codecOf(5)).toBeUndefined();
  });

  test.each(WRITTEN)('%s gives back what was compressed', async (name) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), fc.integer({ min: 1, max: 400 }), async (bytes, times) => {
        const records = Buffer.concat(Array.from({ length: times }, () => bytes));
        const compressed = await codec(name).compress(records);
        expect((await codec(name).decompress(compressed, MIB)).equals(records)).toBe(true);
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  test('zstd is written where Node.js can, and elsewhere the error says what to do', () => {
    const written = () => codec('zstd').compress(Buffer.from('queuefold '.repeat(1_000))) as Buffer;
    if (WRITTEN.includes('zstd')) {
      expect(written().readUInt32LE(0)).toBe(0xfd2fb528);
      expect(written().length).toBeLessThan(200);
      return;
    }
    expect(written).toThrow(OperatorError);
    expect(written).toThrow(/^KAFKA_COMPRESSION: zstd needs Node\.js 22\.15 or later\. Use lz4/);
  });

  test('snappy is read in Java’s blocks as well as in one', () => {
    const blocks = ['first ', 'second'].map((text) => codec('snappy').compress(Buffer.from(text)) as Buffer);
    const header = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    const parts = blocks.flatMap((block) => [Buffer.from([0, 0, 0, block.length]), block]);
    const read = codec('snappy').decompress(Buffer.concat([header, ...parts]), MIB) as Buffer;
    expect(read.toString()).toBe('first second');
  });

  test.each(Object.entries(ZSTD_OF_QUEUEFOLD))('zstd is read on every Node: a frame %s', (_, base64) => {
    const read = codec('zstd').decompress(Buffer.from(base64, 'base64'), 16 * MIB) as Buffer;
    expect(read.toString()).toBe('queuefold '.repeat(40_000));
  });
});

describe('a hostile frame', () => {
  /** Each is a few bytes that claim, or are, much more than the limit. */
  const claims: Readonly<Record<string, readonly [Compression, Buffer]>> = {
    'gzip that is 100 MiB': ['gzip', gzipSync(Buffer.alloc(100 * MIB))],
    'snappy that claims 4 GiB': ['snappy', Buffer.from([...varint(2 ** 32 - 1), 0, 0])],
    'snappy in many blocks': [
      'snappy',
      Buffer.concat([
        Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0, 0, 0, 0, 1, 0, 0, 0, 1]),
        ...Array.from({ length: 20 }, () => Buffer.from([0, 0, 0, 4, ...varint(MIB)].concat(0))),
      ]),
    ],
    'lz4 that is 100 MiB': ['lz4', codec('lz4').compress(Buffer.alloc(100 * MIB)) as Buffer],
    'zstd that claims 16 EiB': [
      'zstd',
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, ...Array<number>(8).fill(255), 1, 0, 0]),
    ],
    'zstd with a window of 2 GiB': ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 1, 0, 0])],
    'zstd that repeats a byte for 100 MiB': [
      'zstd',
      Buffer.from([
        ...[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0],
        ...Array.from({ length: 99 }, () => [0x02, 0x00, 0x80, 7]).flat(),
        ...[0x03, 0x00, 0x80, 7],
      ]),
    ],
  };

  test.each(Object.entries(claims))('%s is refused without taking the memory', async (_, [name, frame]) => {
    const before = process.memoryUsage().rss;
    await expect((async () => codec(name).decompress(frame, 16 * MIB))()).rejects.toThrow(BatchTooLarge);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
  });

  test.each(ALL)('%s of random bytes is an error, not a crash', async (name) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const heads = {
          gzip: [],
          snappy: [],
          lz4: [4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82],
          zstd: [0x28, 0xb5, 0x2f, 0xfd],
        };
        const frame = Buffer.from([...heads[name], ...bytes]);
        const outcome = await (async () => codec(name).decompress(frame, MIB))().catch(() => null);
        if (outcome !== null) expect(outcome.length).toBeLessThanOrEqual(MIB);
      }),
      { numRuns: 500, seed: 4 },
    );
  });

  test('bytes behind a frame are an error: they could be another one', () => {
    const lz4 = codec('lz4').compress(Buffer.from('one')) as Buffer;
    expect(() => codec('lz4').decompress(Buffer.concat([lz4, lz4]), MIB)).toThrow('bytes behind the frame');
    const zstd = Buffer.from(ZSTD_OF_QUEUEFOLD['with its size'], 'base64');
    expect(() => codec('zstd').decompress(Buffer.concat([zstd, zstd]), MIB)).toThrow('bytes behind the frame');
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DecodeRecordBatch } from '../../../src/log/kafkajs/repairs/r3-empty-batches';
import { readVarint, sizeOfVarint, writeVarint } from '../../../src/log/kafkajs/repairs/varint';
import { openKafkajs, type Variant } from '../../support/kafka/stock-kafkajs';

const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }));
/** Of these names stock kafkajs makes a mess. */
const headerName = text.filter((name) => !(name in {}));
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const message = fc.record({
  key: fc.option(fc.oneof(text, bytes)),
  value: fc.option(bytes),
  // Of equal length, for the stock maxTimestamp is wrong otherwise (R8).
  timestamp: fc.integer({ min: 1_000_000_000_000, max: 1_999_999_999_999 }).map(String),
  headers: fc.dictionary(headerName, fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 3 })), { maxKeys: 5 }),
});
const batches = fc.sample(
  fc.record({
    transactionalId: fc.option(fc.constant('tx')),
    messages: fc.array(message, { minLength: 1, maxLength: 20 }),
  }),
  { numRuns: 150, seed: 7 },
);

interface DecodedRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: object;
  readonly isControlRecord: boolean;
}

/** A record as the repair decodes it. */
interface Headed {
  headerTexts(): Record<string, string>;
  headerText(name: string): string | undefined;
}

/** Every batch as a Produce request's bytes. */
async function encodeAll(variant: Variant): Promise<readonly Buffer[]> {
  const request = openKafkajs(variant).module('protocol/requests/produce/v3/request') as (data: object) => {
    encode(): Promise<{ buffer: Buffer }>;
  };
  const encoded: Buffer[] = [];
  for (const { transactionalId, messages } of batches) {
    const partitions = [{ partition: 3, firstSequence: 5, messages }];
    const data = { acks: -1, timeout: 1, transactionalId, producerId: '77', producerEpoch: 2 };
    encoded.push(Buffer.from((await request({ ...data, topicData: [{ topic: 't', partitions }] }).encode()).buffer));
  }
  return encoded;
}

/** Behind transactional_id, acks, timeout, count, topic, count, partition and size. */
function batchStart(request: number): number {
  return 2 + (batches[request]?.transactionalId?.length ?? 0) + 2 + 4 + 4 + 3 + 4 + 4 + 4;
}

async function decodeAll(
  variant: Variant,
  requests: readonly Buffer[],
): Promise<readonly (readonly DecodedRecord[])[]> {
  const { module } = openKafkajs(variant);
  const Decoder = module('protocol/decoder') as new (buffer: Buffer) => object;
  const decode = module('protocol/recordBatch/v0/decoder') as DecodeRecordBatch;
  const decoded: (readonly DecodedRecord[])[] = [];
  for (const [i, request] of requests.entries()) {
    const { records } = await decode(new Decoder(request.subarray(batchStart(i))));
    decoded.push(
      (records as unknown as readonly DecodedRecord[]).map(
        ({ offset, timestamp, key, value, headers, isControlRecord }) => ({
          ...{ offset, timestamp, key, value, headers, isControlRecord },
        }),
      ),
    );
  }
  return decoded;
}

describe('R12, the checksum of a batch', () => {
  const checksumOf = (variant: Variant) =>
    openKafkajs(variant).module('protocol/recordBatch/crc32C/index') as (buffer: Buffer) => number;

  it('is that of kafkajs, for every length and content', () => {
    const repaired = checksumOf('repaired');
    const stock = checksumOf('stock');
    fc.assert(
      fc.property(bytes, (buffer) => expect(repaired(buffer)).toBe(stock(buffer))),
      { numRuns: 500 },
    );
    expect(repaired(Buffer.from('123456789'))).toBe(0xe3069283); // the check value of CRC-32C
  });

  it('reads eight bytes a turn', () => {
    const reads = (variant: Variant): number => {
      let count = 0;
      const counting = new Proxy(Buffer.alloc(800), {
        get: (target, name) => {
          if (name === 'length') count += 1;
          return Reflect.get(target, name) as unknown;
        },
      });
      checksumOf(variant)(counting);
      return count;
    };
    expect(reads('stock')).toBeGreaterThan(800);
    expect(reads('repaired')).toBeLessThan(10);
  });
});

describe('R10 and R11, the fast encoding and decoding of records', () => {
  it('encode the same bytes as kafkajs', async () => {
    const stock = await encodeAll('stock');
    const repaired = await encodeAll('repaired');
    for (const [i, expected] of stock.entries()) expect(repaired[i]?.toString('hex')).toBe(expected.toString('hex'));
  });

  it('decode the same records as kafkajs', async () => {
    const encoded = await encodeAll('stock');
    expect(await decodeAll('repaired', encoded)).toEqual(await decodeAll('stock', encoded));
  });

  it('allocate one buffer a batch, not one and more for every record and integer', async () => {
    const allocations = async (variant: Variant): Promise<number> => {
      const request = openKafkajs(variant).module('protocol/requests/produce/v3/request') as (data: object) => {
        encode(): Promise<unknown>;
      };
      const messages = Array.from({ length: 100 }, () => ({
        key: 'k',
        value: 'v',
        headers: { a: 'b' },
        timestamp: '1',
      }));
      const topicData = [{ topic: 't', partitions: [{ partition: 0, firstSequence: 0, messages }] }];
      const stockAlloc = Buffer.alloc;
      let count = 0;
      Buffer.alloc = (...args: Parameters<typeof Buffer.alloc>) => {
        count += 1;
        return stockAlloc(...args);
      };
      try {
        await request({ acks: -1, timeout: 1, topicData }).encode();
      } finally {
        Buffer.alloc = stockAlloc;
      }
      return count;
    };
    expect(await allocations('stock')).toBeGreaterThan(200);
    expect(await allocations('repaired')).toBeLessThan(20);
  });

  it('decode headers only when somebody asks for them', async () => {
    const [first = Buffer.alloc(0)] = await encodeAll('stock');
    const areDecoded = async (variant: Variant): Promise<boolean> => {
      const { module } = openKafkajs(variant);
      const Decoder = module('protocol/decoder') as new (buffer: Buffer) => object;
      const decode = module('protocol/recordBatch/v0/decoder') as DecodeRecordBatch;
      const { records } = await decode(new Decoder(first.subarray(batchStart(0))));
      return records.some((record) => Object.hasOwn(record, 'headers'));
    };
    expect(await areDecoded('stock')).toBe(true);
    expect(await areDecoded('repaired')).toBe(false);
  });

  it('read one header alone, of a name in any place, as among all', async () => {
    const encoded = await encodeAll('stock');
    const { module } = openKafkajs('repaired');
    const Decoder = module('protocol/decoder') as new (buffer: Buffer) => object;
    const decode = module('protocol/recordBatch/v0/decoder') as DecodeRecordBatch;
    let found = 0;
    for (const [i, request] of encoded.entries()) {
      const { records } = await decode(new Decoder(request.subarray(batchStart(i))));
      for (const record of records as unknown as readonly Headed[]) {
        const all = record.headerTexts();
        const names = Object.keys(all).filter((name) => /^[\x20-\x7e]*$/.test(name));
        for (const name of [...names, 'no such name']) expect(record.headerText(name)).toBe(all[name]);
        found += names.length;
      }
    }
    expect(found).toBeGreaterThan(100);
  });

  it('variable-length integers are read as they were written', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), (value) => {
        const buffer = Buffer.alloc(10);
        expect(writeVarint(buffer, 0, value)).toBe(sizeOfVarint(value));
        expect(readVarint({ buffer, offset: 0 })).toBe(value);
      }),
    );
  });
});

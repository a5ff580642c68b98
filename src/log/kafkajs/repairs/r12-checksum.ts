import { replaceExports } from '../internals';

type Checksum = (buffer: Uint8Array) => number;

/** CRC-32C (Castagnoli), reflected. */
const POLYNOMIAL = 0x82f63b78;

/**
 * R12: the checksum of a batch takes a table look-up and a dependent shift for every byte, a tenth of a producer's
 * work. Repair: eight bytes a turn from eight tables ("slicing by 8", Kounavis and Berry 2005). The result is the same.
 */
export function repairChecksum(): void {
  replaceExports<Checksum>('protocol/recordBatch/crc32C/index', () => checksum);
}

/** Eight tables of 256 entries, one after the other: the n-th has the effect of a byte before n zero bytes. */
const TABLES = createTables();

function createTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256] ?? 0;
    tables[at] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
  }
  return tables;
}

function table(n: number, byte: number): number {
  return TABLES[n * 256 + (byte & 0xff)] as number;
}

const checksum: Checksum = (buffer) => {
  const { length } = buffer;
  let crc = -1;
  let at = 0;
  for (; at + 8 <= length; at += 8) {
    const a =
      crc ^
      ((buffer[at] as number) |
        ((buffer[at + 1] as number) << 8) |
        ((buffer[at + 2] as number) << 16) |
        ((buffer[at + 3] as number) << 24));
    crc =
      table(7, a) ^
      table(6, a >>> 8) ^
      table(5, a >>> 16) ^
      table(4, a >>> 24) ^
      table(3, buffer[at + 4] as number) ^
      table(2, buffer[at + 5] as number) ^
      table(1, buffer[at + 6] as number) ^
      table(0, buffer[at + 7] as number);
  }
  for (; at < length; at++) crc = (crc >>> 8) ^ table(0, crc ^ (buffer[at] as number));
  return ~crc >>> 0;
};

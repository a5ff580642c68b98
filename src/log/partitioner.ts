/**
 * The partition of a key, exactly like the Java client's DefaultPartitioner (and kafkajs's DefaultPartitioner):
 * `toPositive(murmur2(key)) % partitions`. Both adapters use it, because a replay in memory must place keys as Kafka
 * does.
 */
export function partitionOf(key: Buffer | string, partitions: number): number {
  return (murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fffffff) % partitions;
}

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** `org.apache.kafka.common.utils.Utils.murmur2`. */
function murmur2(data: Buffer): number {
  const length = data.length;
  let h = SEED ^ length;
  const words = length >> 2;
  for (let i = 0; i < words; i++) {
    let k = Math.imul(data.readInt32LE(i * 4), M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = length & ~3;
  const left = length & 3;
  if (left >= 3) h ^= data.readUInt8(rest + 2) << 16;
  if (left >= 2) h ^= data.readUInt8(rest + 1) << 8;
  if (left >= 1) h = Math.imul(h ^ data.readUInt8(rest), M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}

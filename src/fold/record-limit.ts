import { messageOf } from '../common';
import { LARGEST_RECORD_BYTES, type Log, type ValueCodec } from '../log';
import type { Logger } from '../ops';

/** A generous bound for the batch, the record, its headers (CloudEvents and a trace) and the codec's own bytes. */
const AROUND_BYTES = 1_024;
/** A generous bound for a value's numbers, tags and lengths. */
const BESIDE_TEXT_BYTES = 1_024;

/** Whether the topic takes a record with this key and value. Only texts can make a value long. */
export function fitsInto<T extends object>(
  { sizeOf }: Pick<ValueCodec<T>, 'sizeOf'>,
  largestBytes: number,
): (key: string, value: T) => boolean {
  return (key, value) => {
    let characters = key.length;
    for (const column in value) {
      const field: unknown = value[column];
      if (typeof field === 'string') characters += field.length;
    }
    // A UTF-16 unit is at most 3 bytes of UTF-8, so only a large value needs an exact measurement.
    if (3 * characters + BESIDE_TEXT_BYTES + AROUND_BYTES <= largestBytes) return true;
    return Buffer.byteLength(key) + sizeOf(value) + AROUND_BYTES <= largestBytes;
  };
}

/**
 * The topic's largest record according to the broker. Where the fold may not ask, it is the size that `setup`
 * configures. If the broker still refuses a batch, bisecting finds the record (src/log/runtime/batch-size.ts).
 */
export async function largestRecordOf(log: Log, topic: string, logger: Logger | undefined): Promise<number> {
  try {
    return (await log.largestRecordBytes(topic)) ?? LARGEST_RECORD_BYTES;
  } catch (error) {
    logger?.warn(
      { topic, error: messageOf(error), assumedBytes: LARGEST_RECORD_BYTES },
      'the fold cannot read max.message.bytes of the topic. Is DescribeConfigs permitted?',
    );
    return LARGEST_RECORD_BYTES;
  }
}

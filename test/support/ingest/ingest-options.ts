import { DEFAULT_INPUT_LIMITS, DEFAULT_LIMITS } from '../../../src/conversation';
import type { IngestOptions } from '../../../src/ingest';
import { createEventCodec, createLocalSchemas, topicNames } from '../../../src/log';

/** The options of a bridge's ingest with the default limits and without a mask, with the given differences. */
export async function ingestOptions(differences: Partial<IngestOptions> = {}): Promise<IngestOptions> {
  const { topics = topicNames('test') } = differences;
  const { events = await createEventCodec(createLocalSchemas(), topics) } = differences;
  return {
    ...{ stage: 'bridge', limits: DEFAULT_LIMITS, input: DEFAULT_INPUT_LIMITS, mask: null },
    ...{ ...differences, topics, events },
  };
}

import { expect, test } from '@jest/globals';
import { createPartitionFold, DEFAULT_FOLD_SETTINGS, readWire } from '../../../src/conversation';
import { createChangelogCodec, createLocalSchemas, topicNames } from '../../../src/log';
import { generateEvents } from '../../../src/simulator';

const MOST_BYTES = 2_048;

test('what the changelog holds of a simulated conversation is 2 KB in the mean, after every event', async () => {
  const codec = await createChangelogCodec(createLocalSchemas(), topicNames('size'));
  const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  const sizes = { open: [] as number[], ended: [] as number[] };
  for (const { frame, at } of generateEvents({ seed: 21, conversations: 500, conversationsPerSecond: 2 })) {
    const read = readWire(frame, at);
    if (read.kind !== 'event') continue;
    fold.apply(read.event);
    for (const state of fold.takeChanges().values()) {
      if (state !== null) sizes[state.kind].push(codec.sizeOf({ state, checkpoint: null }));
    }
  }
  const mean = (list: readonly number[]): number => list.reduce((sum, size) => sum + size, 0) / list.length;
  expect(sizes.open.length).toBeGreaterThan(2_000);
  expect(mean(sizes.open)).toBeLessThan(MOST_BYTES);
  expect(sizes.ended.length).toBeGreaterThan(200);
  expect(mean(sizes.ended)).toBeLessThan(MOST_BYTES / 4);
});

import { expect, jest, test } from '@jest/globals';
import { createTopicCheck } from '../../../src/sink/topic-check';
import type { Store } from '../../../src/store';

const NO_STORE = { database: 'queuefold' } as Store;

function aCheck(endOffsets: () => Promise<ReadonlyMap<number, number>>, confirmMs = 0) {
  const unused = () => Promise.reject(new Error('not asked'));
  return createTopicCheck({
    ...{ store: NO_STORE, topic: 'state', topicId: null, epoch: 0 },
    decode: () => ({ kind: 'tombstone', conversationId: 'c' }),
    // Without a time, the first look that finds the topic too short counts.
    noting: { everyMs: 1, confirmMs },
    log: { endOffsets, read: unused, topicId: () => Promise.resolve(null) },
  });
}

test('records that are stored while the log looks for its ends do not make the topic too short', async () => {
  const stored = new Map([[0, 5]]);
  const check = aCheck(async () => {
    const ends = new Map([[0, 5]]);
    await new Promise((resolve) => setImmediate(resolve));
    // The topic has grown since, and the sink has stored that too.
    stored.set(0, 7);
    return ends;
  });
  expect(await check.reaches(stored, new AbortController().signal)).toEqual(new Map([[0, 5]]));
});

test('a topic that ends below what was stored before is too short', async () => {
  const check = aCheck(() => Promise.resolve(new Map([[0, 4]])));
  await expect(check.reaches(new Map([[0, 5]]), new AbortController().signal)).rejects.toThrow(
    /state\/0 ends at offset 4, but ClickHouse database queuefold holds it up to 5/,
  );
});

test('a clock that is set forward does not make the topic too short', async () => {
  const now = Date.now();
  const clock = jest.spyOn(Date, 'now').mockReturnValue(now);
  try {
    const ends = [4, 5];
    const check = aCheck(() => {
      clock.mockReturnValue(now + 600_000);
      return Promise.resolve(new Map([[0, ends.shift() ?? 5]]));
    }, 20_000);
    expect(await check.reaches(new Map([[0, 5]]), new AbortController().signal)).toEqual(new Map([[0, 5]]));
  } finally {
    clock.mockRestore();
  }
});

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Refusal } from '../../../src/board/refusal';
import { Turns } from '../../../src/board/turns';
import { createDeferred } from '../../../src/common';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const turned = () => jest.advanceTimersByTimeAsync(0);

/** Work that ends when the test says so. */
function createWork(turns: Turns) {
  const begun: { readonly name: string; readonly end: ReturnType<typeof createDeferred<string>> }[] = [];
  return {
    begun: () => begun.map(({ name }) => name),
    take: (name: string, signal = new AbortController().signal): Promise<string> => {
      const taken = turns.take(() => {
        const end = createDeferred<string>();
        begun.push({ name, end });
        return end.promise;
      }, signal);
      taken.catch(() => undefined);
      return taken;
    },
    end: async (name: string) => {
      begun.find((each) => each.name === name)?.end.resolve(name);
      await turned();
    },
    fail: async (name: string) => {
      begun.find((each) => each.name === name)?.end.reject(new Error(name));
      await turned();
    },
  };
}

describe('turns', () => {
  test('let so much run at once, and the rest in order', async () => {
    const { begun, take, end, fail } = createWork(new Turns({ atOnce: 2, waiting: 9, waitMs: 1_000 }));
    const taken = ['a', 'b', 'c', 'd', 'e'].map((name) => take(name));
    await turned();
    expect(begun()).toEqual(['a', 'b']);
    await end('b');
    expect(begun()).toEqual(['a', 'b', 'c']);
    await fail('a');
    await expect(taken[0]).rejects.toThrow('a');
    expect(begun()).toEqual(['a', 'b', 'c', 'd']);
    for (const name of ['c', 'd', 'e']) await end(name);
    expect(await Promise.all(taken.slice(1))).toEqual(['b', 'c', 'd', 'e']);
    // Nothing was lost: two run again at once.
    for (const name of ['f', 'g', 'h']) void take(name);
    await turned();
    expect(begun().slice(5)).toEqual(['f', 'g']);
  });

  test('refuse work where too much waits, and work that waits too long, and say when to ask again', async () => {
    const { begun, take, end } = createWork(new Turns({ atOnce: 1, waiting: 2, waitMs: 5_000 }));
    const [first, second, third, fourth] = ['a', 'b', 'c', 'd'].map((name) => take(name));
    await expect(fourth).rejects.toMatchObject({ statusCode: 429, retryAfterSeconds: 5 });
    await jest.advanceTimersByTimeAsync(3_000);
    await end('a');
    await jest.advanceTimersByTimeAsync(3_000);
    await expect(third).rejects.toThrow(Refusal);
    await end('b');
    expect([await first, await second, begun()]).toEqual(['a', 'b', ['a', 'b']]);
    void take('e');
    await turned();
    expect(begun()).toEqual(['a', 'b', 'e']);
  });

  test('do not wait for a client that has gone', async () => {
    const { begun, take, end } = createWork(new Turns({ atOnce: 1, waiting: 2, waitMs: 5_000 }));
    const leaving = new AbortController();
    void take('a');
    const left = [take('b', leaving.signal), take('c', leaving.signal)];
    await expect(take('d')).rejects.toThrow(Refusal);
    leaving.abort(new Error('the client has gone'));
    for (const one of left) await expect(one).rejects.toThrow('the client has gone');
    await expect(take('e', leaving.signal)).rejects.toThrow('the client has gone');
    void take('f');
    void take('g');
    await end('a');
    expect(begun()).toEqual(['a', 'f']);
    await end('f');
    expect(begun()).toEqual(['a', 'f', 'g']);
  });
});

import { describe, expect, test } from '@jest/globals';
import { check, ok } from '../../../src/common/finding';

describe('a check', () => {
  const options = { name: 'thing', remedy: 'mend it', limitMs: 20 };

  test('finds what it looked at, one or several', async () => {
    expect(await check(options, () => Promise.resolve(ok('thing', 'well')))).toEqual([ok('thing', 'well')]);
    const both = [ok('a', '1'), ok('b', '2')];
    expect(await check(options, () => Promise.resolve(both))).toEqual(both);
  });

  test('has failed when it breaks, with what broke it', async () => {
    const expected = [{ name: 'thing', outcome: 'failed', detail: 'torn', remedy: 'mend it' }];
    expect(await check(options, () => Promise.reject(new Error('torn')))).toEqual(expected);
  });

  test('has failed when it takes too long', async () => {
    const [late] = await check(options, () => new Promise(() => undefined));
    expect(late).toMatchObject({ outcome: 'failed', detail: 'no answer in 20 ms' });
  });
});

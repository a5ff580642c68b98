import { describe, expect, test } from '@jest/globals';
import { watchQueues } from '../../../src/genesys/queues/queue-watch';
import { shardOf, WHOLE } from '../../../src/genesys/shards';

const SALES = { id: 'a1', name: 'Sales' };
const SUPPORT = { id: 'b2', name: 'Support' };
const CLAIMS = { id: 'c3', name: 'Claims' };
const NOTHING = { added: [], removed: [], renamed: [], unmatched: [] };

describe('the queues of an organisation, look by look', () => {
  test('a new one is listened to', () => {
    const watch = watchQueues(['*'], WHOLE);
    expect(watch.look([SALES])).toEqual({ ...NOTHING, added: [SALES] });
    expect(watch.look([SALES, SUPPORT])).toEqual({ ...NOTHING, added: [SUPPORT] });
    expect([...watch.queues().keys()]).toEqual(['a1', 'b2']);
  });

  test('one that is missing is dropped at the second look only: pages shift while they are read', () => {
    const watch = watchQueues(['*'], WHOLE);
    watch.look([SALES, SUPPORT]);
    expect(watch.look([SALES])).toEqual(NOTHING);
    expect(watch.look([SALES, SUPPORT])).toEqual(NOTHING);
    expect(watch.look([SALES])).toEqual(NOTHING);
    expect(watch.look([SALES])).toEqual({ ...NOTHING, removed: [SUPPORT] });
    expect([...watch.queues().keys()]).toEqual(['a1']);
  });

  test('one that was chosen by its name stays when it is renamed', () => {
    const watch = watchQueues(['Sales'], WHOLE);
    watch.look([SALES, SUPPORT]);
    const renamed = { id: 'a1', name: 'Sales EMEA' };
    expect(watch.look([renamed, SUPPORT])).toEqual({
      ...NOTHING,
      renamed: [{ queue: renamed, before: 'Sales' }],
    });
    watch.look([renamed, SUPPORT]);
    expect([...watch.queues().values()]).toEqual([renamed]);
  });

  test('another one that takes over the name takes over the place', () => {
    const watch = watchQueues(['Sales'], WHOLE);
    watch.look([SALES]);
    const [old, next] = [
      { id: 'a1', name: 'Old' },
      { id: 'd4', name: 'Sales' },
    ];
    expect(watch.look([old, next]).added).toEqual([next]);
    expect(watch.look([old, next]).removed).toEqual([SALES]);
  });

  test('a name that matches nothing any more is told, and matches again later', () => {
    const watch = watchQueues(['Sales', 'Claims'], WHOLE);
    watch.look([SALES, CLAIMS]);
    expect(watch.look([SALES]).unmatched).toEqual(['Claims']);
    watch.look([SALES]);
    expect(watch.look([SALES, { id: 'e5', name: 'Claims' }]).added).toEqual([{ id: 'e5', name: 'Claims' }]);
  });

  test('an empty list is an error and changes nothing', () => {
    const watch = watchQueues(['*'], WHOLE);
    watch.look([SALES]);
    expect(() => watch.look([])).toThrow(/routing:queue:view/);
    expect([...watch.queues().keys()]).toEqual(['a1']);
  });

  test('only those of the own shard are listened to', () => {
    const all = Array.from({ length: 40 }, (_, index) => ({ id: `q${index}`, name: '' }));
    const shards = [0, 1, 2].map((index) => {
      const watch = watchQueues(['*'], { index, count: 3 });
      watch.look(all);
      return [...watch.queues().keys()];
    });
    expect(shards.flat().sort()).toEqual(all.map(({ id }) => id).sort());
    expect(shards[1]?.every((id) => shardOf(id, 3) === 1)).toBe(true);
  });
});

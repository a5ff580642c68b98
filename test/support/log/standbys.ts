import { describe, expect, it } from '@jest/globals';
import { eventually } from '../processes/until';
import type { OpenScene } from './log-conformance';

export function describeStandbys(open: OpenScene): void {
  describe('standby copies', () => {
    it('take over with what they have: each record of the changelog is read once', async () => {
      const { run, produce, rows, all, changelog } = await open(1);
      const owner = await run({ standbyIn: 'one' });
      await eventually(() => owner.ready() && owner.status().length === 1);
      let restored = 0;
      const count = (call: string): void => void (restored += Number(call === 'restore'));
      const heir = await run({ standbyIn: 'two', task: { onCall: count } });
      for (let n = 1; n <= 4; n++) {
        await produce(['a', '1'], ['b', '2']);
        await eventually(async () => (await rows()).length === 2 * n);
      }
      const written = (await all(changelog)).length;
      expect(written).toBeGreaterThan(8);
      await eventually(() => restored === written);
      await owner.stop();
      await eventually(() => heir.ready() && heir.status().length === 1);
      await produce(['a', '1']);
      await eventually(async () => (await rows()).length === 9);
      expect((await rows()).at(-1)).toBe('a=5');
      expect(restored).toBe(written);
    });

    it('are not kept in the process of the owner', async () => {
      const { run, produce, rows } = await open(1);
      const owner = await run({ standbyIn: 'one' });
      await eventually(() => owner.ready() && owner.status().length === 1);
      const calls: string[] = [];
      const other = await run({ standbyIn: 'one', task: { onCall: (call) => calls.push(call) } });
      await eventually(() => other.ready());
      await produce(['a', '1']);
      await eventually(async () => (await rows()).length === 1);
      await owner.stop();
      await eventually(() => other.ready() && other.status().length === 1);
      // It restored only when the partition became its own, in one piece.
      expect(calls.slice(calls.indexOf('restore'))).toEqual(['restore', 'restore', 'restored']);
    });
  });
}

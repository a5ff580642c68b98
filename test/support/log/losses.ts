import { describe, expect, it } from '@jest/globals';
import { OperatorError } from '../../../src/common';
import type { RunningTasks } from '../../../src/log';
import { eventually } from '../processes/until';
import type { OpenScene, Scene } from './log-conformance';
import { createSumTask } from './sum-task';

/** The error that ended the tasks: they must be refused, and not end without one. */
async function refusal(tasks: RunningTasks): Promise<string> {
  const error: unknown = await tasks.done.then(
    () => new Error('they ended without an error'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OperatorError);
  return (error as OperatorError).message;
}

/** Deletes the topic and recreates it. */
async function remake({ harness }: Scene, topic: string, partitions: number): Promise<void> {
  await harness.deleteTopic(topic);
  await harness.createTopic(topic, partitions);
}

/** Two members, one after the other, have folded `a` to 3 and `b` to 10; `c` has ended. */
async function folded(open: OpenScene, partitions = 1): Promise<Scene> {
  const scene = await open(partitions);
  await scene.produce(['a', '1'], ['b', '10'], ['c', '7']);
  const first = await scene.run();
  await eventually(async () => (await scene.rows()).length === 3);
  await first.stop();
  await scene.produce(['a', '2'], ['c', 'end']);
  const second = await scene.run();
  await eventually(async () => (await scene.rows()).length === 5);
  await second.stop();
  expect(await scene.rows()).toEqual(['a=1', 'b=10', 'c=7', 'a=3', 'c=null']);
  return scene;
}

export function describeLosses(open: OpenScene): void {
  const adopt = ({ log, topology, state }: Scene) => log.adopt(topology, () => createSumTask({ stateTopic: state }));

  describe('topics that are lost or recreated', () => {
    it('a changelog that was recreated is refused, at every start, until the rows of the table are adopted', async () => {
      const scene = await folded(open);
      await remake(scene, scene.changelog, 1);
      for (const start of [1, 2]) {
        const said = await refusal(await scene.run());
        expect({ start, said }).toEqual({
          start,
          said: expect.stringContaining(`${scene.changelog}/0: it has no checkpoint`),
        });
        expect(said).toMatch(/queuefold setup --adopt.*new TOPIC_PREFIX/);
      }
      expect(await adopt(scene)).toEqual([expect.stringMatching(/continues at offset 5, with the state of 2 rows/)]);
      expect(await adopt(scene)).toEqual([]);
      await scene.produce(['a', '4'], ['b', 'end']);
      await scene.run();
      await eventually(async () => (await scene.rows()).length === 7);
      expect((await scene.rows()).slice(5)).toEqual(['a=7', 'b=null']);
    });

    it('a changelog of which records were deleted is refused', async () => {
      const scene = await folded(open);
      await scene.harness.deleteRecords(scene.changelog, 0, 2);
      expect(await refusal(await scene.run())).toMatch(/changelog\/0: its records below offset 2 were deleted/);
      await adopt(scene);
      const tasks = await scene.run();
      await eventually(() => tasks.ready());
    });

    it('a changelog that ends before what the group has folded is refused, and then folded from its checkpoint', async () => {
      const scene = await folded(open);
      await scene.produce(['b', '1']);
      await scene.commit(6);
      expect(await refusal(await scene.run())).toMatch(
        /last checkpoint is at offset 5 .* has folded up to 6: the changelog lost/,
      );
      expect(await adopt(scene)).toEqual([expect.stringContaining('continues at offset 5')]);
      await scene.run();
      await eventually(async () => (await scene.rows()).length === 6);
      expect((await scene.rows()).at(-1)).toBe('b=11');
    });

    it('a first start where a table has rows is refused', async () => {
      const scene = await folded(open);
      await remake(scene, scene.changelog, 1);
      await scene.harness.expireOffsets(scene.topology.group);
      expect(await refusal(await scene.run())).toContain(`but ${scene.state} has records`);
      expect(await adopt(scene)).toEqual([expect.stringContaining('continues at offset 0')]);
    });

    it('a table that was recreated gets all rows again', async () => {
      const scene = await folded(open);
      await remake(scene, scene.state, 1);
      const tasks = await scene.run();
      await eventually(() => tasks.ready());
      expect((await scene.rows()).sort()).toEqual(['a=3', 'b=10']);
      await tasks.stop();
      const again = await scene.run();
      await eventually(() => again.ready());
      await scene.produce(['a', '1']);
      await eventually(async () => (await scene.rows()).length === 3);
      expect((await scene.rows()).at(-1)).toBe('a=4');
    });

    it('a table of which records were deleted gets all rows again', async () => {
      const scene = await folded(open);
      await scene.harness.deleteRecords(scene.state, 0, 3);
      const tasks = await scene.run();
      await eventually(() => tasks.ready());
      expect((await scene.rows()).slice(-2).sort()).toEqual(['a=3', 'b=10']);
    });

    it('a table that is recreated while they run gets all rows again', async () => {
      const scene = await folded(open);
      const tasks = await scene.run();
      await eventually(() => tasks.ready());
      await remake(scene, scene.state, 1);
      await eventually(async () => (await scene.rows()).length >= 2);
      expect((await scene.rows()).sort()).toEqual(['a=3', 'b=10']);
    });

    it('an input that was recreated is refused, at every start, until it is adopted', async () => {
      const scene = await folded(open);
      await remake(scene, scene.input, 1);
      await scene.produce(...Array.from({ length: 8 }, () => ['a', '1'] as const));
      for (const start of [1, 2]) {
        const said = await refusal(await scene.run());
        expect({ start, said }).toEqual({ start, said: expect.stringContaining(`${scene.input}/0: it was deleted`) });
        expect(said).toContain('queuefold setup --adopt');
      }
      expect(await scene.rows()).toHaveLength(5);
      expect(await adopt(scene)).toEqual([expect.stringMatching(/continues at offset 0$/)]);
      await scene.run();
      await eventually(async () => (await scene.rows()).length === 13);
      expect((await scene.rows()).at(-1)).toBe('a=11');
    });

    it('an input that is recreated while they run ends them', async () => {
      const scene = await folded(open);
      const tasks = await scene.run();
      await eventually(() => tasks.ready());
      await remake(scene, scene.input, 1);
      expect(await refusal(tasks)).toContain(`${scene.input}/0: it was deleted and recreated`);
    });

    it('an input of which records were deleted before they were folded is refused', async () => {
      const scene = await folded(open);
      await scene.produce(['a', '1'], ['a', '1'], ['a', '1']);
      await scene.harness.deleteRecords(scene.input, 0, 7);
      expect(await refusal(await scene.run())).toMatch(/the fold needs offset 5, but the topic begins at 7/);
      await adopt(scene);
      await scene.run();
      await eventually(async () => (await scene.rows()).length === 6);
      expect((await scene.rows()).at(-1)).toBe('a=4');
    });

    it('topics whose partitions were increased are refused, at a start and while they run, and cannot be adopted', async () => {
      const scene = await folded(open);
      const tasks = await scene.run();
      await eventually(() => tasks.ready());
      await scene.harness.addPartitions(scene.input, 2);
      expect(await refusal(tasks)).toContain('different numbers of partitions');
      await scene.harness.addPartitions(scene.changelog, 2);
      await scene.harness.addPartitions(scene.state, 2);
      expect(await refusal(await scene.run())).toMatch(/has 2 partitions, 1 before: .*new TOPIC_PREFIX/);
      await expect(adopt(scene)).rejects.toThrow(/has 2 partitions, 1 before/);
    });

    it('nothing that was not lost is adopted', async () => {
      const scene = await folded(open);
      expect(await adopt(scene)).toEqual([]);
      expect(await scene.rows()).toHaveLength(5);
    });
  });
}

import { describe, expect, it } from '@jest/globals';
import type { Task, TaskState } from '../../../src/log';
import { eventually } from '../processes/until';
import { createGate, type OpenScene } from './log-conformance';
import { createSumTask } from './sum-task';

export function describeTaskFailures(open: OpenScene): void {
  describe('tasks in trouble', () => {
    it('readers see nothing of a transaction that failed before its commit, and the task folds it again', async () => {
      const { run, produce, all, rows, state } = await open(1);
      let failures = 2;
      const calls: string[] = [];
      await run({
        hooks: {
          beforeCommit: () => {
            if (failures-- > 0) throw new Error('failed before the commit');
          },
        },
        task: { onCall: (call) => calls.push(call) },
      });
      await produce(['a', '1'], ['b', '2']);
      await eventually(async () => (await all(state)).length > 1);
      expect(await rows()).toEqual(['a=1', 'b=2']);
      // Each failure ended one task; a new one was restored.
      expect(calls.filter((call) => call === 'close')).toHaveLength(2);
      expect(calls.filter((call) => call === 'restored')).toHaveLength(3);
      // A failed transaction is not tried again in the same size.
      await eventually(() => calls.filter((call) => call === 'committed').length === 2);
    });

    it('a task does not fold events again whose commit succeeded although its answer was lost', async () => {
      const { run, produce, rows } = await open(1);
      let failures = 1;
      await run({
        hooks: {
          afterCommit: () => {
            if (failures-- > 0) throw new Error('the answer was lost');
          },
        },
      });
      await produce(['a', '1']);
      await eventually(async () => (await rows()).length === 1);
      await produce(['a', '2']);
      await eventually(async () => (await rows()).length === 2);
      expect(await rows()).toEqual(['a=1', 'a=3']);
    });

    it('an owner that lost its partition within a transaction can never commit it', async () => {
      const { run, produce, rows } = await open(2);
      const gate = createGate();
      let held = 0;
      const zombie = await run({
        hooks: {
          beforeCommit: () => {
            held += 1;
            return gate.pass();
          },
        },
      });
      await produce(['a', '1', 0], ['b', '1', 1]);
      await eventually(() => held === 2);
      // One of the two partitions goes to the heir, who fences, and folds everything that the zombie has not committed.
      const heir = await run();
      await eventually(async () => (await rows()).length === 1 && heir.ready() && heir.status().length === 1);
      gate.open();
      await eventually(async () => (await rows()).length === 2 && zombie.ready());
      await produce(['a', '2', 0], ['b', '2', 1]);
      await eventually(async () => (await rows()).length === 4);
      expect((await rows()).sort()).toEqual(['a=1', 'a=3', 'b=1', 'b=3']);
    });

    it('a task fenced while still assigned joins the group again, and continues', async () => {
      const { run, produce, rows, harness, topology } = await open(1);
      const tasks = await run();
      await produce(['a', '1']);
      await eventually(async () => (await rows()).length === 1);
      await harness.fence(`${topology.group}-${topology.input}-0`);
      await produce(['a', '2']);
      await eventually(async () => (await rows()).length === 2);
      expect(await rows()).toEqual(['a=1', 'a=3']);
      await eventually(() => tasks.ready());
    });

    it.each(['process', 'restore', 'restored', 'onTimer'] as const)(
      'an error of a task in %s ends all tasks, and leaves nothing of it',
      async (method) => {
        const { run, produce, rows } = await open(1);
        await produce(['a', '1']);
        const first = await run();
        await eventually(async () => (await rows()).length === 1);
        await first.stop();
        if (method === 'process') await produce(['a', '2']);
        const failing = (task: Task): Task => ({
          ...task,
          [method]: () => {
            throw new Error(`${method} failed`);
          },
        });
        const tasks = await run({ wrap: failing, timers: true, task: { nextTimer: () => 1 } });
        await expect(tasks.done).rejects.toThrow(`${method} failed`);
        expect(tasks.ready()).toBe(false);
        await tasks.stop();
        expect(await rows()).toEqual(['a=1']);
      },
    );

    it.each(['ASSIGNED', 'FENCING', 'RESTORING', 'RUNNING'] satisfies readonly TaskState[])(
      'stop in state %s, and twice',
      async (state) => {
        const { run, produce, rows } = await open(2);
        await produce(['a', '1'], ['b', '1', 1]);
        const tasks = await run();
        // Not every state lasts long enough for the test to see it, so stop comes at the first moment that is at least
        // as late.
        await eventually(
          () => state === 'ASSIGNED' || tasks.status().some((status) => status.state === state) || tasks.ready(),
        );
        await Promise.all([tasks.stop(), tasks.stop()]);
        await tasks.done;
        await tasks.stop();
        const again = await run();
        await eventually(async () => (await rows()).length === 2);
        await again.stop();
        expect((await rows()).sort()).toEqual(['a=1', 'b=1']);
      },
    );

    it('tasks find the record whose outputs the log refuses, say so, and fold all others', async () => {
      const { run, produce, rows, harness, connect, topology } = await open(1);
      const small = `${topology.input}-small`;
      await harness.createTopic(small, 1, 1_000);
      const refusing = { stateTopic: small, refuses: true } as const;
      const keys = Array.from({ length: 40 }, (_, n) => (n === 13 || n === 29 ? `k${n}`.repeat(500) : `k${n}`));
      await produce(...keys.map((key) => [key, '1'] as const));
      const log = await connect();
      const tasks = await log.runTasks({ ...topology, outputs: [small], tables: [small] }, () =>
        createSumTask(refusing),
      );
      await eventually(() => tasks.status()[0]?.nextOffset === keys.length);
      expect(await rows(small)).toEqual(
        keys.map((key, n) => (key.length > 10 ? `refused=${n} MESSAGE_TOO_LARGE` : `${key}=1`)),
      );
      await run();
    });

    it('tasks that have no way to refuse a record end with a message that names it', async () => {
      const { produce, rows, harness, connect, topology } = await open(1);
      const small = `${topology.input}-small`;
      await harness.createTopic(small, 1, 1_000);
      await produce(['a', '1'], ['b'.repeat(2_000), '1']);
      const log = await connect();
      const tasks = await log.runTasks({ ...topology, outputs: [small], tables: [small] }, () =>
        createSumTask({ stateTopic: small }),
      );
      await expect(tasks.done).rejects.toThrow(/\[0\]@1: .*MESSAGE_TOO_LARGE.*queuefold setup/s);
      expect(await rows(small)).toEqual(['a=1']);
    });

    it('whose refusal the log refuses, too, end', async () => {
      const { produce, harness, connect, topology } = await open(1);
      const small = `${topology.input}-small`;
      // Room for the marker of a transaction (78 bytes), but for no record.
      await harness.createTopic(small, 1, 85);
      await produce(['a'.repeat(100), '1']);
      const log = await connect();
      const tasks = await log.runTasks({ ...topology, outputs: [small], tables: [small] }, () =>
        createSumTask({ stateTopic: small, refuses: true }),
      );
      await expect(tasks.done).rejects.toThrow(/\[0\]@0: .*MESSAGE_TOO_LARGE/s);
    });

    it('take so many records in one transaction as its bytes allow, and the others in the next', async () => {
      const { run, produce, rows, all, changelog } = await open(1);
      const sizes: number[] = [];
      const taking = (task: Task): Task => ({
        ...task,
        process: (records, nextOffset) => {
          const taken = Math.min(3, records.length);
          sizes.push(taken);
          return {
            ...task.process(records.slice(0, taken), records[taken]?.offset ?? nextOffset),
            ...(taken < records.length ? { taken } : {}),
          };
        },
      });
      await produce(...Array.from({ length: 10 }, (_, n) => [`k${n}`, '1'] as const));
      const tasks = await run({ wrap: taking });
      await eventually(() => tasks.status()[0]?.nextOffset === 10);
      expect(await rows()).toEqual(Array.from({ length: 10 }, (_, n) => `k${n}=1`));
      expect(sizes).toEqual([3, 3, 3, 1]);
      const checkpoints = (await all(changelog)).filter(({ key }) => key?.toString().startsWith('\0'));
      expect(checkpoints.map(({ value }) => (JSON.parse(String(value)) as { nextOffset: number }).nextOffset)).toEqual([
        3, 6, 9, 10,
      ]);
    });

    it('stop finishes the transaction under way', async () => {
      const { run, produce, rows } = await open(1);
      const gate = createGate();
      const tasks = await run({ hooks: { beforeCommit: gate.pass } });
      await produce(['a', '1']);
      await gate.arrived;
      const stopping = tasks.stop();
      gate.open();
      await stopping;
      expect(await rows()).toEqual(['a=1']);
    });
  });
}

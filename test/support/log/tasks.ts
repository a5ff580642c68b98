import { describe, expect, it } from '@jest/globals';
import { OperatorError } from '../../../src/common';
import type { RunningTasks, Task } from '../../../src/log';
import { eventually } from '../processes/until';
import { createGate, type OpenScene } from './log-conformance';

const partitionsOf = (tasks: RunningTasks): readonly number[] => tasks.status().map(({ partition }) => partition);

export function describeTasks(open: OpenScene): void {
  describe('tasks', () => {
    it('share the partitions among the members, and take over what a leaving member had', async () => {
      const { run } = await open(4);
      const a = await run();
      await eventually(() => a.ready() && partitionsOf(a).length === 4);
      const b = await run();
      await eventually(() => a.ready() && b.ready() && partitionsOf(a).length === 2);
      expect([...partitionsOf(a), ...partitionsOf(b)].sort()).toEqual([0, 1, 2, 3]);
      await b.stop();
      await eventually(() => a.ready() && partitionsOf(a).length === 4);
    });

    it('a task that stays with its member continues through a rebalance', async () => {
      const { run } = await open(4);
      const calls: string[] = [];
      const a = await run({ task: { onCall: (call) => calls.push(call) } });
      await eventually(() => a.ready() && partitionsOf(a).length === 4);
      const b = await run();
      await eventually(() => a.ready() && b.ready() && partitionsOf(b).length === 2);
      expect(calls.filter((call) => call === 'close')).toHaveLength(2);
      expect(calls.filter((call) => call === 'restored')).toHaveLength(4);
    });

    it('tasks fold records from before and after their start, and restore their state from the changelog', async () => {
      const { run, produce, rows, changelog } = await open();
      await produce(['a', '1'], ['b', '10', 1]);
      const first = await run();
      await eventually(async () => (await rows()).length === 2);
      await produce(['a', '2']);
      await eventually(async () => (await rows()).length === 3);
      await first.stop();
      await first.done;

      await produce(['a', '4'], ['b', '10', 1]);
      await run();
      await eventually(async () => (await rows()).length === 5);
      expect((await rows()).sort()).toEqual(['a=1', 'a=3', 'a=7', 'b=10', 'b=20']);
      expect((await rows(changelog)).sort()).toEqual(['a=1', 'a=3', 'a=7', 'b=10', 'b=20']);
    });

    it('write to their own partition, with the given timestamps, and tombstones', async () => {
      const { run, produce, all, state } = await open();
      await produce(['a', '1', 1], ['a', 'end', 1]);
      await run();
      await eventually(async () => (await all(state)).length === 2);
      const records = await all(state);
      expect(records.map(({ partition, key, value }) => [partition, key?.toString(), value?.toString()])).toEqual([
        [1, 'a', '1'],
        [1, 'a', undefined],
      ]);
      expect(records[1]?.value).toBeNull();
    });

    it('readers see outputs, changelog and offset together or not at all', async () => {
      const { run, produce, rows, changelog, connect, topology } = await open(1);
      const gate = createGate();
      const tasks = await run({ hooks: { beforeCommit: gate.pass } });
      await produce(['a', '1']);
      await gate.arrived;
      expect(await rows()).toEqual([]);
      expect(await rows(changelog)).toEqual([]);
      gate.open();
      await eventually(async () => (await rows()).length === 1);
      expect(await rows(changelog)).toEqual(['a=1']);
      await tasks.stop();
      const reader = await connect();
      const committed: unknown[] = [];
      const subscription = await reader.subscribe({
        group: topology.group,
        topic: topology.input,
        onAssigned: (partitions) => {
          committed.push(...partitions.map(({ committedOffset }) => committedOffset));
          return Promise.resolve(new Map());
        },
        onRevoked: () => undefined,
        onRecords: () => undefined,
      });
      await eventually(() => subscription.ready() && committed.length > 0);
      expect(committed).toEqual([1]);
    });

    it('the offset of the group follows the tasks, also if no more records come, and before they end', async () => {
      const { run, produce, harness, topology } = await open(1);
      const committed = () => harness.committedOffset(topology.group, topology.input, 0);
      const ahead: unknown[] = [];
      const wrap = (task: Task): Task => ({
        ...task,
        // One record in each transaction, and some of the transactions soon after another.
        process: (records, nextOffset) => ({
          ...task.process(records.slice(0, 1), records[1]?.offset ?? nextOffset),
          ...(records.length > 1 ? { taken: 1 } : {}),
        }),
      });
      let done = 0;
      const hooks = {
        afterCommit: () => void (done += 1),
        beforeCommit: async () => {
          const offset = await committed();
          if ((offset ?? 0) > done) ahead.push(offset);
        },
      };
      const tasks = await run({ wrap, hooks });
      await produce(...Array.from({ length: 20 }, (_, n) => [`k${n}`, '1'] as const));
      await eventually(async () => (await committed()) === 20);
      await eventually(() => tasks.status()[0]?.nextOffset === 20);
      await produce(['a', '1'], ['a', '2'], ['a', '3']);
      await eventually(() => tasks.status()[0]?.nextOffset === 23);
      await tasks.stop();
      // The broker shows it once it has written the transaction's markers.
      await eventually(async () => (await committed()) === 23);
      expect(ahead).toEqual([]);
    });

    it('tasks bring the offset of their group after what an earlier owner has folded, also if nothing comes any more', async () => {
      const { run, produce, harness, topology } = await open(1);
      const committed = () => harness.committedOffset(topology.group, topology.input, 0);
      let transactions = 0;
      const hooks = {
        afterCommit: () => {
          transactions += 1;
          if (transactions === 3) throw new Error('the answer was lost');
        },
      };
      const tasks = await run({ hooks });
      for (const offset of [1, 2, 3]) {
        await produce(['a', '1']);
        await eventually(() => tasks.status()[0]?.nextOffset === offset);
      }
      await eventually(async () => (await committed()) === 3);
      expect(transactions).toBeGreaterThanOrEqual(3);
    });

    it('tasks continue at the checkpoint when the offsets of the group have expired', async () => {
      const { run, produce, rows, harness, topology } = await open(1);
      await produce(['a', '1'], ['a', 'end']);
      const first = await run();
      await eventually(async () => (await rows()).length === 2);
      await first.stop();
      await harness.expireOffsets(topology.group);
      const second = await run();
      await eventually(() => second.ready() && second.status()[0]?.nextOffset === 2);
      await produce(['b', '5']);
      await eventually(async () => (await rows()).length === 3);
      expect(await rows()).toEqual(['a=1', 'a=null', 'b=5']);
    });

    it('pause: nothing is folded, the membership stays; resume: nothing was lost', async () => {
      const { run, produce, rows } = await open(1);
      const calls: string[] = [];
      const tasks = await run({ task: { onCall: (call) => calls.push(call) } });
      await eventually(() => tasks.ready() && partitionsOf(tasks).length === 1);
      tasks.pause();
      await produce(['a', '1'], ['a', '2']);
      expect(await rows()).toEqual([]);
      expect(calls).toEqual(['restored']);
      expect(tasks.ready()).toBe(true);
      tasks.resume();
      await eventually(async () => (await rows()).length === 2);
      expect(await rows()).toEqual(['a=1', 'a=3']);
    });

    it('hold the reader back while they are busy', async () => {
      const { run, log, input, rows } = await open(1);
      const gate = createGate();
      let most = 0;
      let isFirst = true;
      const tasks = await run({
        hooks: {
          beforeCommit: () => {
            if (!isFirst) return;
            isFirst = false;
            return gate.pass();
          },
          onWaiting: (_, records) => (most = Math.max(most, records)),
        },
      });
      const producer = await log.createProducer();
      const value = Buffer.from('1'.padStart(1_000, '0'));
      for (let batch = 0; batch < 40; batch++) {
        await producer.send(Array.from({ length: 1_000 }, () => ({ topic: input, key: 'a', value, partition: 0 })));
      }
      await gate.arrived;
      gate.open();
      await eventually(() => tasks.status()[0]?.nextOffset === 40_000);
      expect((await rows()).at(-1)).toBe('a=40000');
      // The high mark (10,000) and one more delivery (4 MiB), of 40,000.
      expect(most).toBeLessThanOrEqual(16_000);
      expect(most).toBeGreaterThan(0);
    });

    it('a timer runs only after the task has read everything that was there when the timer was due', async () => {
      const { run, produce, all, state } = await open(1);
      await produce(['a', '1'], ['a', '2'], ['a', '3']);
      const due = Date.now();
      await run({ timers: true, task: { nextTimer: () => due } });
      await eventually(async () => (await all(state)).length === 4);
      const last = (await all(state)).at(-1);
      expect(last?.key?.toString()).toBe('timer');
      const { at, nextOffset } = JSON.parse(last?.value?.toString() ?? '{}') as { at: number; nextOffset: number };
      expect(nextOffset).toBe(3);
      expect(at).toBeGreaterThanOrEqual(due);
    });

    it('call a timer that becomes due while nothing comes', async () => {
      const { run, all, state } = await open(1);
      const due = Date.now() + 300;
      await run({ timers: true, task: { nextTimer: () => due } });
      await eventually(async () => (await all(state)).length === 1);
      const { at } = JSON.parse((await all(state))[0]?.value?.toString() ?? '{}') as { at: number };
      expect(at).toBeGreaterThanOrEqual(due);
    });

    it('call no timer in a replay', async () => {
      const { run, produce, rows } = await open(1);
      const calls: string[] = [];
      const tasks = await run({ task: { nextTimer: () => 1, onCall: (call) => calls.push(call) } });
      await produce(['a', '1']);
      await eventually(async () => (await rows()).length === 1);
      await tasks.stop();
      expect(calls).not.toContain('onTimer');
    });

    it('tasks refuse topics whose partition counts differ, and name them and the remedy', async () => {
      const { harness, topology, log } = await open(2);
      const other = `${topology.input}-other`;
      await harness.createTopic(other, 3);
      const start = log.runTasks({ ...topology, outputs: [other], tables: [other] }, () => {
        throw new Error('no task');
      });
      await expect(start).rejects.toThrow(OperatorError);
      await expect(start).rejects.toThrow(new RegExp(`${other} has 3.*new TOPIC_PREFIX`));
    });
  });
}

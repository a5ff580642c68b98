import { EventEmitter } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir, availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { usableCpus } from '../../../src/fold/cpus';
import { answerMain, type ThreadOfFold } from '../../../src/fold/thread';
import { type FoldThread, type FromThread, startFoldThreads, type ToThread } from '../../../src/fold/threads';
import { topicNames } from '../../../src/log';
import { createMetrics, mergedWith, valuesOf } from '../../../src/ops';
import type { RunningRole } from '../../../src/wiring';

/** A worker without a thread: what it is told, and what it answers. */
class PretendedThread extends EventEmitter implements FoldThread {
  readonly told: ToThread[] = [];
  readonly metrics = createMetrics();
  answers = true;
  role: RunningRole | null = null;
  waitingFor: string | null = null;

  constructor() {
    super();
    const port = {
      postMessage: (message: FromThread) => void this.emit('message', structuredClone(message)),
      on: (_: 'message', listener: (message: ToThread) => void) => void this.on('told', listener),
    };
    const thread: ThreadOfFold = {
      role: () => this.role,
      waitingFor: () => this.waitingFor,
      metrics: () => valuesOf(this.metrics),
      stop: () => void this.emit('exit', 0),
    };
    answerMain(port, thread);
  }

  postMessage(message: ToThread): void {
    this.told.push(message);
    if (this.answers) this.emit('told', message);
  }
}

function roleOf(detail: string): RunningRole {
  const tasks = () => ({ ok: true, detail });
  return { name: 'fold', ready: { tasks }, done: new Promise(() => undefined), stop: () => Promise.resolve() };
}

const started: (() => Promise<void>)[] = [];
// A fold that nobody stops asks its threads a thousand times a second until the worker of jest is killed.
afterEach(async () => {
  for (const stop of started.splice(0)) await stop();
});

function startTwo() {
  const threads = [new PretendedThread(), new PretendedThread()] as const;
  const role = startFoldThreads({
    count: 2,
    startThread: (index) => threads[index - 1] ?? new PretendedThread(),
    log: { endOffsets: () => Promise.resolve(new Map()), explain: () => Promise.resolve('') },
    topics: topicNames('t'),
    logger: pino({ enabled: false }),
    everyMs: 1,
  });
  role.done.catch(() => undefined);
  started.push(async () => {
    for (const thread of threads) thread.answers = true;
    await role.stop();
  });
  return { threads, role, tasks: () => Promise.resolve(role.ready['tasks']?.()) };
}

describe('a fold in threads', () => {
  test('is ready when every thread is, and says what each does or waits for', async () => {
    const { threads, tasks } = startTwo();
    threads[0].role = roleOf('0 RUNNING');
    threads[1].waitingFor = 'KAFKA_BROKERS: cannot reach it';
    expect(await tasks()).toEqual({ ok: false, detail: '0 RUNNING; waiting: KAFKA_BROKERS: cannot reach it' });
    threads[1].waitingFor = null;
    expect(await tasks()).toEqual({ ok: false, detail: '0 RUNNING; starting' });
    threads[1].role = roleOf('1 RUNNING');
    expect(await tasks()).toEqual({ ok: true, detail: '0 RUNNING; 1 RUNNING' });
  });

  test('ends with a clear message when a thread does, and tells the others to end', async () => {
    const { threads, role } = startTwo();
    threads[1].emit('exit', 1);
    await expect(role.done).rejects.toThrow(/^fold: thread 2 of 2 ended with 1\..*other folds take over/);
    await turn();
    expect(threads[0].told).toContain('stop');
  });

  test('does not take a thread that ends well by itself for one that was told to', async () => {
    const { threads, role } = startTwo();
    threads[0].emit('exit', 0);
    await expect(role.done).rejects.toThrow('thread 1 of 2 ended with 0');
  });

  test('stops all threads, and is done when all have ended', async () => {
    const { threads, role } = startTwo();
    await role.stop();
    await role.done;
    expect(threads.map(({ told }) => told.includes('stop'))).toEqual([true, true]);
  });

  test('adds up what the threads have measured, also what one said that does not answer now', async () => {
    const { threads, role } = startTwo();
    const own = createMetrics();
    own.buildInfo.set({ version: '1' }, 1);
    for (const [index, { metrics }] of threads.entries()) {
      metrics.foldEvents.inc({ outcome: 'folded' }, 10 + index);
      metrics.liveConversations.set({ partition: index }, 5);
      metrics.transactionDuration.observe({}, 0.02);
    }
    const scrape = async () => (await mergedWith(own.served(['fold']), (await role.measured?.()) ?? [])).metrics();
    const text = await scrape();
    expect(text).toMatch(/fold_events_total\{outcome="folded"\} 21/);
    expect(text).toMatch(/fold_live_conversations\{partition="1"\} 5/);
    expect(text).toMatch(/fold_transaction_duration_seconds_count 2/);
    expect(text).toMatch(/build_info\{version="1"\} 1/);
    threads[1].answers = false;
    threads[0].metrics.foldEvents.inc({ outcome: 'folded' }, 1);
    expect(await scrape()).toMatch(/fold_events_total\{outcome="folded"\} 22/);
  });
});

test('a fold has a thread for each CPU that its container may use', () => {
  const limited = (text: string): number => {
    const file = join(mkdtempSync(join(tmpdir(), 'queuefold-cpus-')), 'cpu.max');
    writeFileSync(file, text);
    return usableCpus(file);
  };
  const all = availableParallelism();
  expect(limited('max 100000\n')).toBe(all);
  expect(limited('50000 100000\n')).toBe(1);
  expect(limited('150000 100000\n')).toBe(Math.min(all, 2));
  expect(usableCpus('/nowhere/cpu.max')).toBe(all);
});

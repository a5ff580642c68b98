import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OperatorError } from '../../../src/common';
import { DEFAULT_FOLD_SETTINGS, readLine } from '../../../src/conversation';
import { DEFAULT_LIMITS } from '../../../src/conversation/limits';
import { createFoldTask, type FoldTaskOptions } from '../../../src/fold/task';
import {
  createChangelogCodec,
  createEventCodec,
  createEventReader,
  createLocalSchemas,
  createRowCodec,
  createVisitCodec,
  type LogRecord,
  type OutRecord,
  printableRecord,
  readStateRecord,
  type Task,
  topicNames,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { ACW_TIMEOUT_MS, RETENTION_MS, stream } from '../../support/conversation-arbitraries';

const topics = topicNames('test');
const schemas = createLocalSchemas();
let options: FoldTaskOptions;
let encode: (line: string) => { key: Buffer; value: Buffer } | null;

beforeAll(async () => {
  const events = await createEventCodec(schemas, topics);
  const changelog = await createChangelogCodec(schemas, topics);
  options = {
    topics,
    events: await createEventReader(schemas, topics),
    rows: await createRowCodec(schemas, topics),
    visits: await createVisitCodec(schemas, topics),
    changelog,
    settings: {
      ...DEFAULT_FOLD_SETTINGS,
      closeAfter: 'acw',
      acwTimeoutMs: ACW_TIMEOUT_MS,
      endedRetentionMs: RETENTION_MS,
      sizeOf: (state) => changelog.sizeOf({ state, checkpoint: null }),
    },
    deadLetterLimits: { maxConsecutive: 5, maxRatio: 0 },
    metrics: createMetrics(),
  };
  encode = (line) => {
    const read = readLine(Buffer.from(line), 0);
    if (read?.kind !== 'event') return null;
    return { key: Buffer.from(read.event.conversationId), value: events.encode(read.event) };
  };
});

function record(offset: number, key: Buffer | null, value: Buffer | null): LogRecord {
  return { topic: topics.events, partition: 0, offset, key, value, timestamp: 0, headers: {} };
}

function inputOf(lines: readonly string[]): LogRecord[] {
  return lines.flatMap((line) => encode(line) ?? []).map(({ key, value }, offset) => record(offset, key, value));
}

/** What a log does with a task: keeps the changelog's last word on every key, and gives it to the next task. */
function createRun(changed: Partial<FoldTaskOptions> = {}) {
  const changelog = new Map<string, Buffer>();
  const outputs: Omit<OutRecord, 'partition'>[] = [];
  const open = async (): Promise<Task> => {
    const task = createFoldTask(0, { ...options, ...changed });
    for (const [key, value] of changelog) {
      task.restore({ ...record(0, Buffer.from(key), value), topic: topics.changelog });
    }
    await task.restored();
    return task;
  };
  const feed = (task: Task, records: readonly LogRecord[]): void => {
    if (records.length === 0) return;
    const output = task.process(records, (records.at(-1)?.offset ?? 0) + 1);
    outputs.push(...output.outputs);
    for (const { key, value } of output.changelog) {
      if (value === null) changelog.delete(String(key));
      else changelog.set(String(key), value);
    }
    task.committed();
  };
  const printed = (): string[] =>
    outputs
      .filter(({ topic }) => topic === topics.state)
      .map(({ key, value, timestamp }) =>
        printableRecord(
          readStateRecord(
            { ...record(0, Buffer.from(String(key)), value), topic: topics.state, timestamp: timestamp ?? 0 },
            options.rows,
          ),
        ),
      );
  const states = (): [string, string][] =>
    [...changelog].map(([key, value]): [string, string] => [key, value.toString('hex')]).sort();
  return { open, feed, printed, states, outputs };
}

describe('the fold as a task', () => {
  test('records and states are the same wherever batches end', async () => {
    await fc.assert(
      fc.asyncProperty(stream(10), fc.infiniteStream(fc.integer({ min: 1, max: 4 })), async (lines, sizes) => {
        const input = inputOf(lines);
        const whole = createRun();
        whole.feed(await whole.open(), input);
        const pieces = createRun();
        const task = await pieces.open();
        for (let from = 0; from < input.length;) {
          const size = Number(sizes.next().value);
          pieces.feed(task, input.slice(from, from + size));
          from += size;
        }
        expect(pieces.printed()).toEqual(whole.printed());
        expect(pieces.states()).toEqual(whole.states());
      }),
      { numRuns: 60 },
    );
  });

  test('serialise the state, read it back, go on: the same', async () => {
    await fc.assert(
      fc.asyncProperty(stream(10), fc.nat(), async (lines, cut) => {
        const input = inputOf(lines);
        const at = input.length === 0 ? 0 : cut % input.length;
        const straight = createRun();
        const task = await straight.open();
        straight.feed(task, input.slice(0, at));
        straight.feed(task, input.slice(at));
        const restarted = createRun();
        restarted.feed(await restarted.open(), input.slice(0, at));
        restarted.feed(await restarted.open(), input.slice(at));
        expect(restarted.printed()).toEqual(straight.printed());
        expect(restarted.states()).toEqual(straight.states());
      }),
      { numRuns: 60 },
    );
  });

  test('the checkpoint names the next offset', async () => {
    const run = createRun();
    run.feed(await run.open(), [record(41, null, null)]);
    expect(await (await run.open()).restored()).toBe(42);
  });

  const line = JSON.stringify({ id: 'c1', participants: [{ id: 'p', calls: [{ id: 'k', state: 'connected' }] }] });
  const unreadable: [string, () => LogRecord][] = [
    ['no-value', () => record(0, Buffer.from('c1'), null)],
    ['no-key', () => record(0, null, encode(line)?.value ?? null)],
    ['wrong-key', () => record(0, Buffer.from('c2'), encode(line)?.value ?? null)],
    ['not-avro', () => record(0, Buffer.from('c1'), Buffer.from('secret words'))],
    [
      'not-avro',
      () => record(0, Buffer.from('c1'), Buffer.concat([encode(line)?.value ?? Buffer.alloc(0), Buffer.of(1)])),
    ],
  ];
  test.each(unreadable)('%s goes to the dead letters with its origin and without its text', async (reason, make) => {
    const run = createRun();
    run.feed(await run.open(), [make()]);
    expect(run.outputs).toHaveLength(1);
    const letter = run.outputs[0];
    expect(letter?.topic).toBe(topics.deadLetters);
    expect(letter?.headers).toMatchObject({ 'error.reason': reason, 'error.stage': 'fold', 'source.offset': '0' });
    expect(letter?.value?.toString()).not.toContain('secret');
  });

  test('an array count that is a lie does not fill the memory', async () => {
    const value = encode(line)?.value ?? Buffer.alloc(0);
    const run = createRun({ deadLetterLimits: { maxConsecutive: 0, maxRatio: 0 } });
    const lies = Array.from({ length: value.length }, (_, at) => {
      const lie = Buffer.concat([value.subarray(0, at), Buffer.from('feffffffff7f', 'hex')]);
      lie[0] = 0;
      return record(at, Buffer.from('c1'), at < 5 ? Buffer.from([1]) : lie);
    });
    run.feed(await run.open(), lies);
    expect(run.outputs.every(({ topic }) => topic === topics.deadLetters)).toBe(true);
  });

  test('too many in a row stop the task, naming the first offset and the way on', async () => {
    const task = await createRun().open();
    const bad = Array.from({ length: 5 }, (_, at) => record(100 + at, Buffer.from('c1'), null));
    expect(() => task.process(bad, 105)).toThrow(OperatorError);
    expect(() => createFoldTask(0, options).process(bad, 105)).toThrow(/offset 100.*DLQ_MAX_CONSECUTIVE=0/s);
  });

  test('a conversation whose knowledge grows beyond the limits is dead-lettered and stays as it was', async () => {
    const run = createRun({ settings: { ...options.settings, limits: { ...DEFAULT_LIMITS, bytes: 3_000 } } });
    const mail = (subject: string, id: string): string =>
      JSON.stringify({
        receivedAt: '2026-03-02T09:00:00Z',
        event: {
          id: 'c1',
          participants: [{ id, purpose: 'acd', queueId: 'q', emails: [{ id, state: 'connected', subject }] }],
        },
      });
    run.feed(await run.open(), inputOf([mail('short', 'a'), mail('x'.repeat(5_000), 'b'), mail('other', 'c')]));
    const written = run.outputs.map(({ topic, headers }) =>
      topic === topics.deadLetters ? headers?.['error.reason'] : topic,
    );
    expect(written).toEqual([topics.state, topics.visits, 'too-large', topics.state, topics.visits]);
  });
});

import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OperatorError } from '../../../src/common';
import {
  type ConversationEvent,
  DEFAULT_FOLD_SETTINGS,
  type SnapshotEvent,
  type StateRecord,
  type VisitRecord,
  DEFAULT_LIMITS,
} from '../../../src/conversation';
import { fitsInto } from '../../../src/fold/record-limit';
import { createFoldTask, type FoldTaskOptions } from '../../../src/fold/task';
import {
  aloneBytes,
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
  type TaskOutput,
  topicNames,
  type ValueCodec,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { ACW_TIMEOUT_MS, RETENTION_MS, stream } from '../../support/conversation/conversation-arbitraries';
import { aConversation, ms } from '../../support/conversation/conversation-builders';
import { readLine } from '../../support/conversation/read-line';

const topics = topicNames('test');
const schemas = createLocalSchemas();
let options: FoldTaskOptions;
let codec: ValueCodec<ConversationEvent>;
let encode: (line: string) => { key: Buffer; value: Buffer } | null;

beforeAll(async () => {
  const events = await createEventCodec(schemas, topics);
  codec = events;
  const changelog = await createChangelogCodec(schemas, topics);
  options = {
    schemas,
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

/** In the place of the six bytes that a time of today has as Avro. */
function withHugeTime(bytes: Buffer, at: number): Buffer {
  const start = Math.max(at, HEADER_BYTES);
  return Buffer.concat([bytes.subarray(0, start), Buffer.from('feffffffffffffff7f', 'hex'), bytes.subarray(start + 6)]);
}

/** A zero and the id of the schema. */
const HEADER_BYTES = 5;

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
    keep(task, task.process(records, (records.at(-1)?.offset ?? 0) + 1));
  };
  const keep = (task: Task, output: TaskOutput): void => {
    outputs.push(...output.outputs);
    for (const { key, value } of output.changelog) {
      if (value === null) changelog.delete(String(key));
      else changelog.set(String(key), value);
    }
    task.committed();
  };
  /** Answers how many transactions there were. */
  const feedBounded = (task: Task, records: readonly LogRecord[], mostBytes: number): number => {
    let transactions = 0;
    for (let left = records; left.length > 0; transactions++) {
      const { taken = left.length, ...output } = task.process(left, (left.at(-1)?.offset ?? 0) + 1, mostBytes);
      keep(task, output);
      left = left.slice(taken);
    }
    return transactions;
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
  return { open, feed, feedBounded, printed, states, outputs };
}

describe('the fold as a task', () => {
  test('what the changelog says last of a conversation counts, and a state that cannot be read ends the restore with its key', async () => {
    const of = (key: string, value: Buffer | null) => ({
      ...record(0, Buffer.from(key), value),
      topic: topics.changelog,
    });
    const state = { kind: 'ended', endedAt: 1, communicationIds: [], erased: false } as const;
    const value = options.changelog.encode({ state, checkpoint: null });
    const task = createFoldTask(0, options);
    for (const each of [
      of('a', Buffer.from('no Avro')),
      of('a', value),
      of('b', Buffer.from('nor this')),
      of('b', null),
    ]) {
      task.restore(each);
    }
    expect(await task.restored()).toBeNull();

    const broken = createFoldTask(0, options);
    broken.restore(of('a', value));
    broken.restore(of('b', value.subarray(0, -1)));
    await expect(broken.restored()).rejects.toThrow(/key b: cannot read the fold's own state/);
    await expect(broken.restored()).rejects.toThrow(OperatorError);
  });

  test('a position of more than 32 bits makes a dead letter, not a state that nobody can write', async () => {
    const run = createRun();
    const read = readLine(Buffer.from(aConversation('a').called().queued().at(5)), 0);
    if (read?.kind !== 'event' || read.event.gone) throw new Error('no event');
    const [first, ...others] = read.event.participants;
    if (first === undefined) throw new Error('no participant');
    const hex = codec
      .encode({ ...read.event, participants: [{ ...first, position: 0x7654321 }, ...others] })
      .toString('hex');
    // The position as Avro, and 2^40.
    expect(hex.split('c28caa76')).toHaveLength(2);
    const value = Buffer.from(hex.replace('c28caa76', '808080808040'), 'hex');
    run.feed(await run.open(), [record(0, Buffer.from('a'), value)]);
    expect(run.outputs.map(({ topic }) => topic)).toEqual([topics.deadLetters]);
  });

  test('a state of which only the head can be read ends the task with its key when an event asks for it', async () => {
    const run = createRun();
    const input = inputOf([aConversation('a').called().queued().at(5), aConversation('b').called().queued().at(6)]);
    run.feed(await run.open(), input);
    const good = Buffer.from(run.states().find(([key]) => key === 'a')?.[1] ?? '', 'hex');
    const isBroken = (bytes: Buffer): boolean =>
      options.changelog.headOf(bytes).ok && !options.changelog.decode(bytes).ok;
    // A time that no number holds exactly: a reader that skips it does not look.
    const broken = [...good.keys()].map((at) => withHugeTime(good, at)).find(isBroken);
    if (broken === undefined) throw new Error('no time is skipped');

    const task = createFoldTask(0, options);
    const changelog = { ...record(0, Buffer.from('a'), broken), topic: topics.changelog };
    task.restore(changelog);
    await task.restored();
    expect(() => task.process(input.slice(1), 2)).not.toThrow();
    expect(() => task.process(input.slice(0, 1), 1)).toThrow(OperatorError);
    expect(() => task.process(input.slice(0, 1), 1)).toThrow(/changelog\S*, key a: cannot read the fold's own state/);
  });

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

  test('serialize the state, read it back, continue: the same', async () => {
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
    expect(await (await run.open()).restored()).toMatchObject({ nextOffset: 42, last: { offset: 41 } });
  });

  test('a long restore lets heartbeats go out meanwhile', async () => {
    const run = createRun();
    const lines = Array.from({ length: 4_500 }, (_, index) => line.replace('"c1"', `"c${index}"`));
    run.feed(await run.open(), inputOf(lines));
    const task = createFoldTask(0, options);
    for (const [key, value] of run.states()) {
      task.restore({ ...record(0, Buffer.from(key), Buffer.from(value, 'hex')), topic: topics.changelog });
    }
    expect(run.states().length).toBeGreaterThan(4_000);
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 0);
    await task.restored();
    clearInterval(turning);
    expect(turns).toBeGreaterThan(0);
  });

  const line = JSON.stringify({ id: 'c1', participants: [{ id: 'p', calls: [{ id: 'k', state: 'connected' }] }] });
  const decoded = (text: string): SnapshotEvent => {
    const read = readLine(Buffer.from(text), 0);
    if (read?.kind !== 'event' || read.event.gone) throw new Error('no snapshot');
    return read.event;
  };
  const encodeEvent = (changed: Partial<SnapshotEvent>): Buffer => codec.encode({ ...decoded(line), ...changed });
  const unreadable: [string, () => LogRecord][] = [
    ['no-value', () => record(0, Buffer.from('c1'), null)],
    ['no-key', () => record(0, null, encode(line)?.value ?? null)],
    ['wrong-key', () => record(0, Buffer.from('c2'), encode(line)?.value ?? null)],
    ['no-key', () => record(0, Buffer.alloc(0), encodeEvent({ conversationId: '' }))],
    ['wrong-time', () => record(0, Buffer.from('c1'), encodeEvent({ receivedAt: 9e15 }))],
    [
      'wrong-time',
      () => {
        const participants = decoded(line).participants.map((participant) => ({
          ...participant,
          communications: participant.communications.map((leg) => ({ ...leg, startAlertingTime: 9e15 })),
        }));
        return record(0, Buffer.from('c1'), encodeEvent({ participants }));
      },
    ],
    [
      'wrong-time',
      () => {
        const message = { messageTime: -1e15, messageStatus: 'sent' };
        const participants = decoded(line).participants.map((participant) => ({
          ...participant,
          communications: participant.communications.map((leg) => ({ ...leg, messages: [message] })),
        }));
        return record(0, Buffer.from('c1'), encodeEvent({ participants }));
      },
    ],
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

  test('too many unreadable records in a row stop the task, and its message names the first offset and the remedy', async () => {
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

  test('an event that comes from the future of its record counts as received with it, so that no end is forgotten', async () => {
    const story = aConversation('a').called().queued();
    const waiting = story.at(5);
    const hoursAhead = aConversation('b')
      .called()
      .queued()
      .at(24 * 3_600);
    const rows = async (changed: Partial<FoldTaskOptions>): Promise<readonly (string | null)[]> => {
      const run = createRun(changed);
      const task = await run.open();
      const lines = [waiting, story.hungUp(60).at(61), hoursAhead, story.alerting('Ann').at(62)];
      run.feed(
        task,
        lines.map((line, offset) => {
          const { key, value } = encode(line) ?? { key: null, value: null };
          return { ...record(offset, key, value), timestamp: ms(62) };
        }),
      );
      return run.outputs.flatMap(({ topic, key, value }) =>
        topic === topics.state ? [`${String(key)} ${value === null ? 'ended' : 'row'}`] : [],
      );
    };
    expect(await rows({ mostAheadMs: 5 * 60_000 })).toEqual(['a row', 'a row', 'a ended', 'b row']);
    // A replay has the clock of its events.
    expect(await rows({})).toEqual(['a row', 'a row', 'a ended', 'b row', 'a row']);
  });

  test('an erasure writes a tombstone of each visit beside that of the row, in one transaction', () => {
    const queued = JSON.stringify({
      receivedAt: '2026-03-02T09:00:00Z',
      event: {
        id: 'c/1',
        participants: [{ id: 'p%', purpose: 'acd', queueId: 'q', calls: [{ id: 'a', state: 'connected' }] }],
      },
    });
    const receivedAt = Date.parse('2026-03-02T09:01:00Z');
    const value = codec.encode({
      ...{ conversationId: 'c/1', receivedAt, source: 'operator', fingerprint: null },
      ...{ gone: true, participants: [], erase: true, visitsOf: ['earlier'] },
    });
    const task = createFoldTask(0, options);
    const before = task.process(inputOf([queued]), 1);
    expect(before.outputs.map(({ key }) => key)).toEqual(['c/1', 'c%2F1/p%25']);
    const { outputs } = task.process([record(1, Buffer.from('c/1'), value)], 2);
    expect(outputs).toMatchObject([
      { topic: topics.state, key: 'c/1', value: null },
      { topic: topics.visits, key: 'c%2F1/p%25', value: null, timestamp: receivedAt },
      { topic: topics.visits, key: 'c%2F1/earlier', value: null, timestamp: receivedAt },
    ]);
    expect(outputs.map(({ headers }) => [headers?.['ce_id'], headers?.['ce_type']])).toEqual([
      ['0-1-0', 'queuefold.queue-conversation.erased'],
      ['0-1-v0', 'queuefold.queue-visit.erased'],
      ['0-1-v1', 'queuefold.queue-visit.erased'],
    ]);
    const off = createFoldTask(0, { ...options, visits: null, settings: { ...options.settings, visits: 'off' } });
    expect(off.process([record(1, Buffer.from('c/1'), value)], 2).outputs.map(({ topic }) => topic)).toEqual([
      topics.state,
    ]);
  });

  test('an event whose row the state topic would not take is dead-lettered, and changes nothing else', async () => {
    const fits = fitsInto(options.rows, 20_000);
    const settings = {
      ...options.settings,
      fits: (each: StateRecord | VisitRecord) =>
        'visit' in each || each.row === null || fits(each.conversationId, each.row),
    };
    const skilled = (seconds: number, skills: number, subject: string): string =>
      JSON.stringify({
        receivedAt: new Date(Date.parse('2026-03-02T09:00:00Z') + 1_000 * seconds).toISOString(),
        event: {
          id: 'c1',
          participants: [
            {
              ...{ id: 'p', purpose: 'acd', queueId: 'q', emails: [{ id: 'e', state: 'connected', subject }] },
              conversationRoutingData: {
                skills: Array.from({ length: skills }, (_, n) => ({ id: String(n).padStart(36, '0') })),
              },
            },
          ],
        },
      });
    const lines = [skilled(0, 2, 'first'), skilled(1, 600, 'second'), skilled(2, 3, 'third')];
    const run = createRun({ settings });
    run.feed(await run.open(), inputOf(lines));
    const letters = run.outputs.filter(({ topic }) => topic === topics.deadLetters);
    expect(letters.map(({ headers }) => headers?.['error.reason'])).toEqual(['too-large']);
    const without = createRun({ settings });
    without.feed(
      await without.open(),
      inputOf(lines).filter(({ offset }) => offset !== 1),
    );
    expect(run.printed()).toEqual(without.printed());
    expect(run.states()).toEqual(without.states());
    expect(run.printed()).toHaveLength(2);
  });

  test('a key of any length makes a dead letter of a bounded one', async () => {
    const run = createRun();
    run.feed(await run.open(), [record(0, Buffer.alloc(1_500_000, 'k'), Buffer.from('no Avro'))]);
    expect(run.outputs.map((letter) => aloneBytes(letter) < 10_000)).toEqual([true]);
  });

  test('records and states are the same whatever the bytes that a transaction may have', async () => {
    await fc.assert(
      fc.asyncProperty(stream(10), fc.integer({ min: 1, max: 20_000 }), async (lines, mostBytes) => {
        const input = inputOf(lines);
        const whole = createRun();
        whole.feed(await whole.open(), input);
        const bounded = createRun();
        const transactions = bounded.feedBounded(await bounded.open(), input, mostBytes);
        expect(bounded.printed()).toEqual(whole.printed());
        expect(bounded.states()).toEqual(whole.states());
        expect(bounded.outputs.map(({ headers }) => headers?.['ce_id'])).toEqual(
          whole.outputs.map(({ headers }) => headers?.['ce_id']),
        );
        expect(transactions).toBeGreaterThanOrEqual(input.length === 0 ? 0 : 1);
      }),
      { numRuns: 60 },
    );
  });

  test('small events that change large states are bounded by what they write', async () => {
    const run = createRun();
    const subject = 's'.repeat(200_000);
    const line = (id: number, state: string, large: boolean): string => {
      const leg = { id: 'e', state, ...(large ? { subject } : {}) };
      const participants = [{ id: 'p', purpose: 'acd', queueId: 'q', emails: [leg] }];
      return JSON.stringify({ receivedAt: '2026-03-02T09:00:00Z', event: { id: `c${id}`, participants } });
    };
    const ids = Array.from({ length: 40 }, (_, id) => id);
    const task = await run.open();
    run.feed(task, inputOf(ids.map((id) => line(id, 'connected', true))));
    const small = inputOf(ids.map((id) => line(id, 'parked', false)));
    const bytes = small.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    expect(bytes).toBeLessThan(20_000);
    // 400 KB each: the state, and the row.
    expect(run.feedBounded(task, small, 1_000_000)).toBe(14);
  });

  test('what is due before a record may take transactions of its own', async () => {
    const run = createRun();
    const task = await run.open();
    const story = Array.from({ length: 30 }, (_, id) =>
      JSON.stringify({
        receivedAt: '2026-03-02T09:00:00Z',
        event: { id: `c${id}`, participants: [{ id: 'p', calls: [{ id: 'k', state: 'disconnected' }] }] },
      }),
    );
    run.feed(task, inputOf(story));
    const event = encodeEvent({ conversationId: 'late', receivedAt: Date.parse('2026-03-09T09:00:00Z') });
    expect(run.feedBounded(task, [record(30, Buffer.from('late'), event)], 20_000)).toBeGreaterThan(4);
    expect(run.states().map(([key]) => key)).toEqual(['', 'late']);
  });

  test('what Kafka refuses of a record is a dead letter in its place, and too many of them stop the task', async () => {
    const task = await createRun().open();
    const [event] = inputOf([line]);
    if (event === undefined) throw new Error('no event');
    const output = task.refuse?.(event, 1, 'MESSAGE_TOO_LARGE: beyond the limit');
    expect(output?.outputs.map(({ headers }) => headers?.['error.reason'])).toEqual(['too-large']);
    expect(output?.changelog.map(({ key }) => key)).toEqual(['']);
    const other = task.refuse?.(event, 1, 'INVALID_RECORD: no key');
    expect(other?.outputs.map(({ headers }) => headers?.['error.reason'])).toEqual(['refused-by-kafka']);
    for (let offset = 0; offset < 2; offset++) task.refuse?.({ ...event, offset }, offset + 1, 'INVALID_RECORD');
    expect(() => task.refuse?.(event, 1, 'INVALID_RECORD')).toThrow(/cannot be written/);
  });
});

import {
  type Checkpoint,
  digestOf,
  type LogRecord,
  type RecordMark,
  type Task,
  type TaskOutput,
  type Topology,
  type TopicMark,
} from '../../../src/log';

/** A small fold for the log's tests: it adds up the numbers of each key; `end` ends a key with a tombstone. */
export interface SumTaskOptions {
  readonly stateTopic: string;
  /** When to call `onTimer`, which writes a record `timer` with the time of the call. */
  readonly nextTimer?: () => number | null;
  /** It writes a record `refused` about a record that the log does not take. Default: it cannot. */
  readonly refuses?: true;
  readonly onCall?: (call: keyof Task, records?: readonly LogRecord[]) => void;
}

/** The key of its checkpoints, whose values are JSON with `nextOffset`. */
export const CHECKPOINT = '\0checkpoint';

/** Its topics, for tests that have a Kafka or a memory log of their own. */
export const SUM_TOPOLOGY: Topology = {
  ...{ group: 'g', input: 'in', changelog: 'changelog', outputs: ['state'], tables: ['state'], timers: false },
};

export function createSumTask(options: SumTaskOptions): Task {
  const totals = new Map<string, number>();
  const reclaimed = new Set<string>();
  let checkpoint: Checkpoint | null = null;
  let marks: readonly TopicMark[] = [];
  let last: RecordMark | null = null;
  let timerDone = false;
  const { stateTopic: topic, onCall = () => undefined } = options;
  const checkpointRecord = (nextOffset: number) => {
    const digest = last?.digest.toString('hex') ?? '';
    const value = JSON.stringify({ nextOffset, topics: marks, last: last && { offset: last.offset, digest } });
    return { key: CHECKPOINT, value: Buffer.from(value) };
  };

  return {
    restore({ key, value }) {
      onCall('restore');
      const name = key?.toString() ?? '';
      if (name === CHECKPOINT) checkpoint = checkpointOf(value?.toString() ?? '');
      else if (value === null) totals.delete(name);
      else totals.set(name, Number(value.toString()));
    },
    restored() {
      onCall('restored');
      return checkpoint;
    },
    begin(begun) {
      marks = begun.topics;
      last = begun.last;
    },
    *rewrite(lost, nextOffset) {
      onCall('rewrite');
      const rows = [...totals].map(([key, total]) => ({ key, value: Buffer.from(String(total)) }));
      const changelog = rows.filter(({ key }) => reclaimed.has(key));
      yield { changelog, outputs: lost.has(topic) ? rows.map((row) => ({ ...row, topic })) : [] };
      yield { changelog: [checkpointRecord(nextOffset)], outputs: [] };
    },
    reclaim(records) {
      onCall('reclaim');
      for (const { key, value } of records) {
        const name = key?.toString() ?? '';
        if (value === null || totals.has(name)) continue;
        totals.set(name, Number(value.toString()));
        reclaimed.add(name);
      }
      return Promise.resolve(reclaimed.size);
    },
    process(records, nextOffset): TaskOutput {
      onCall('process', records);
      const final = records.at(-1);
      if (final !== undefined) last = { offset: final.offset, digest: digestOf(final) };
      const rows = records.map(({ key, value, timestamp }) => {
        const name = key?.toString() ?? '';
        const text = value?.toString() ?? '';
        const total = (totals.get(name) ?? 0) + (text === 'end' ? 0 : Number(text));
        if (text === 'end') totals.delete(name);
        else totals.set(name, total);
        return { key: name, value: text === 'end' ? null : Buffer.from(String(total)), timestamp };
      });
      return { changelog: [...rows, checkpointRecord(nextOffset)], outputs: rows.map((row) => ({ ...row, topic })) };
    },
    ...(options.refuses === true
      ? {
          refuse: ({ offset }, nextOffset, answer) => {
            onCall('refuse');
            const row = { key: 'refused', value: Buffer.from(`${offset} ${answer.split(':')[0] ?? ''}`), topic };
            return { changelog: [checkpointRecord(nextOffset)], outputs: [row] };
          },
        }
      : {}),
    nextTimer: () => (timerDone ? null : (options.nextTimer?.() ?? null)),
    onTimer(at, nextOffset) {
      onCall('onTimer');
      timerDone = true;
      const row = { key: 'timer', value: Buffer.from(JSON.stringify({ at, nextOffset })) };
      return { changelog: [checkpointRecord(nextOffset)], outputs: [{ ...row, topic }] };
    },
    committed: () => onCall('committed'),
    close: () => onCall('close'),
  };
}

function checkpointOf(text: string): Checkpoint {
  const { last, ...rest } = JSON.parse(text) as Omit<Checkpoint, 'last'> & {
    readonly last: { readonly offset: number; readonly digest: string } | null;
  };
  return { ...rest, last: last && { offset: last.offset, digest: Buffer.from(last.digest, 'hex') } };
}

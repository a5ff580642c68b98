import type { LogRecord, Task, TaskOutput } from '../../src/log';

/** A small fold for the log's tests: adds up the numbers of each key; `end` ends a key with a tombstone. */
export interface SumTaskOptions {
  readonly stateTopic: string;
  /** When `onTimer` is wanted; it writes a record `timer` with the time it was called with. */
  readonly nextTimer?: () => number | null;
  /** It writes a record `refused` about what the log does not take. Default: it has no way. */
  readonly refuses?: true;
  readonly onCall?: (call: keyof Task, records?: readonly LogRecord[]) => void;
}

const CHECKPOINT = '\0checkpoint';

export function createSumTask(options: SumTaskOptions): Task {
  const totals = new Map<string, number>();
  let checkpoint: number | null = null;
  let timerDone = false;
  const { stateTopic: topic, onCall = () => undefined } = options;
  const checkpointRecord = (nextOffset: number) => ({ key: CHECKPOINT, value: Buffer.from(String(nextOffset)) });

  return {
    restore({ key, value }) {
      onCall('restore');
      const name = key?.toString() ?? '';
      if (name === CHECKPOINT) checkpoint = Number(value?.toString());
      else if (value === null) totals.delete(name);
      else totals.set(name, Number(value.toString()));
    },
    restored() {
      onCall('restored');
      return checkpoint;
    },
    process(records, nextOffset): TaskOutput {
      onCall('process', records);
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

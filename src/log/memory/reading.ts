import { createDeferred } from '../../common';
import type { LogRecord, Reading, ReadRequest } from '../port';
import { createCursor, type Cursor } from './cursor';
import type { TopicStore } from './topic-store';

/** @see Log.read */
export function readMemory(store: TopicStore, request: ReadRequest): Reading {
  const { from, since, follow, onRecord } = request;
  const logs = request.topics.flatMap((topic) =>
    store
      .topic(topic)
      .map((log, partition) => {
        const first = since === undefined ? log.beginning() : log.firstSince(since);
        return { log, begin: Math.max(first, from?.get(partition) ?? 0), partition };
      })
      .filter(({ partition }) => from === undefined || from.has(partition)),
  );
  const caughtUp = createDeferred<undefined>();
  const done = createDeferred<undefined>();
  let cursors: readonly Cursor[] = [];
  let open = logs.length;
  let isOver = false;

  const end = (settle: () => void): void => {
    isOver = true;
    for (const cursor of cursors) cursor.close();
    settle();
  };
  const reached = (): void => {
    open -= 1;
    if (open > 0) return;
    caughtUp.resolve(undefined);
    if (!follow) end(() => done.resolve(undefined));
  };
  const handOver = (records: readonly LogRecord[], limit: number): void => {
    try {
      for (const record of records) if (record.offset < limit) onRecord(record);
    } catch (error) {
      end(() => {
        caughtUp.reject(error);
        done.reject(error);
      });
    }
  };

  cursors = logs.map(({ log, begin }) => {
    const fixed = log.end();
    let isReached = begin >= fixed;
    if (isReached) reached();
    const cursor = createCursor(log, begin, (records, nextOffset) => {
      if (isOver) return;
      handOver(records, follow ? Infinity : fixed);
      if (isReached || nextOffset < fixed) return;
      isReached = true;
      if (!follow) cursor.close();
      reached();
    });
    if (isReached && !follow) cursor.close();
    return cursor;
  });
  if (logs.length === 0) reached();

  return {
    caughtUp: caughtUp.promise,
    done: done.promise,
    progress: () => ({ watermark: open > 0 ? null : Date.now(), answeredAt: Date.now(), problem: null }),
    stop() {
      end(() => {
        caughtUp.resolve(undefined);
        done.resolve(undefined);
      });
      return Promise.resolve();
    },
  };
}

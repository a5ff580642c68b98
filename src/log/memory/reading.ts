import type { Reading, ReadRequest } from '../port';
import { createDeferred } from '../runtime/signal';
import type { MemoryStore } from './cluster';
import { createCursor } from './cursor';

/** @see Log.read */
export function readMemory(store: MemoryStore, request: ReadRequest): Reading {
  const { from } = request;
  const logs = request.topics.flatMap((topic) =>
    store
      .topic(topic)
      .map((log, partition) => ({ log, begin: Math.max(log.beginning(), from?.get(partition) ?? 0), partition }))
      .filter(({ partition }) => from === undefined || from.has(partition)),
  );
  const caughtUp = createDeferred<undefined>();
  let open = logs.length;
  const reached = (): void => {
    open -= 1;
    if (open <= 0) caughtUp.resolve(undefined);
  };

  const cursors = logs.map(({ log, begin }) => {
    const end = log.end();
    let isReached = begin >= end;
    if (isReached) reached();
    const cursor = createCursor(log, begin, (records, nextOffset) => {
      for (const record of records) {
        if (request.follow || record.offset < end) request.onRecord(record);
      }
      if (isReached || nextOffset < end) return;
      isReached = true;
      reached();
      if (!request.follow) cursor.close();
    });
    if (isReached && !request.follow) cursor.close();
    return cursor;
  });
  if (logs.length === 0) caughtUp.resolve(undefined);

  return {
    caughtUp: caughtUp.promise,
    stop() {
      for (const cursor of cursors) cursor.close();
      caughtUp.resolve(undefined);
      return Promise.resolve();
    },
  };
}

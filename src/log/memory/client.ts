import { type Logger, pino } from 'pino';
import { messageOf } from '../../common';
import type { Metrics } from '../../ops';
import type { Log, OutRecord } from '../port';
import { RefusedRecordsError } from '../refused';
import { adoptPartitions } from '../runtime/adopt';
import type { TaskHooks } from '../runtime/backend';
import { Closers } from '../runtime/closers';
import { checkCoPartitioned } from '../runtime/co-partitioned';
import { startSubscription } from '../runtime/subscription';
import { startTasks } from '../runtime/tasks';
import { createMemoryBackend } from './backend';
import { refusalOf } from './limits';
import { readMemory } from './reading';
import type { TopicStore } from './topic-store';

export interface ClientOptions {
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly hooks?: TaskHooks;
}

/** One client of the cluster, as a process would have it. */
export function createMemoryClient(store: TopicStore, options: ClientOptions): Log {
  const logger = options.logger ?? pino({ enabled: false });
  const backend = createMemoryBackend(store);
  const closers = new Closers();

  return {
    async runTasks(topology, createTask) {
      checkCoPartitioned(topology, (topic) => store.topic(topic).length);
      const { hooks = {}, metrics } = options;
      return closers.closing(await startTasks({ backend, topology, createTask, hooks, logger, metrics }));
    },
    adopt(topology, createTask) {
      checkCoPartitioned(topology, (topic) => store.topic(topic).length);
      const partitions = store.topic(topology.input).length;
      return adoptPartitions({ backend, topology, createTask, partitions, hooks: options.hooks ?? {} });
    },
    async subscribe(subscription) {
      return closers.closing(await startSubscription({ backend, subscription, logger, metrics: options.metrics }));
    },
    createProducer() {
      let closed = false;
      return Promise.resolve({
        send(records) {
          if (closed) return Promise.reject(new Error('the producer is closed'));
          return send(store, records);
        },
        close() {
          closed = true;
          return Promise.resolve();
        },
      });
    },
    read: (request) => Promise.resolve(closers.closing(readMemory(store, request))),
    endOffsets: (topic) => Promise.resolve(endsOf(store, topic)),
    writtenOffsets: (topic) => Promise.resolve(endsOf(store, topic)),
    topicId: (topic) => Promise.resolve(store.identity === null ? null : `${store.identity} ${topic}`),
    tombstoneRetentionMs: () => Promise.resolve(null),
    reach: (topics) => {
      for (const topic of topics) store.topic(topic);
      return Promise.resolve();
    },
    isTransient: () => false,
    largestRecordBytes: (topic) => Promise.resolve(store.largestRecordBytes(topic)),
    explain: (error) => Promise.resolve(messageOf(error)),
    async close() {
      await Promise.all(closers.closeAll());
    },
  };
}

function endsOf(store: TopicStore, topic: string): ReadonlyMap<number, number> {
  return new Map(store.topic(topic).map((log, partition) => [partition, log.end()] as const));
}

async function send(store: TopicStore, records: readonly OutRecord[]): Promise<void> {
  const refused: OutRecord[] = [];
  let answer: string | null = null;
  for (const record of records) {
    const refusal = refusalOf(store, record);
    answer ??= refusal;
    if (refusal === null) store.append(record);
    else refused.push(record);
  }
  // The records are stored. The call resolves when the readers have caught up; one full partition delays the others.
  const topics = new Set(records.map(({ topic }) => topic));
  for (const topic of topics) {
    if (!store.dropsConsumed(topic)) continue;
    for (const partition of store.topic(topic).keys()) {
      for (let room = store.room(topic, partition); room !== null; room = store.room(topic, partition)) {
        await room;
        // Readers may need the event loop, and promises alone never yield to it.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
  if (answer !== null) throw new RefusedRecordsError(refused, answer);
}

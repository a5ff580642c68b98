import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import type { Log, Task, TaskHooks, Topology } from '../../../src/log';
import { eventually } from '../processes/until';
import { describeLosses } from './losses';
import { readAll } from './read-all';
import { describeReading } from './reading';
import { describeStandbys } from './standbys';
import { describeSubscriptions } from './subscriptions';
import { createSumTask, type SumTaskOptions } from './sum-task';
import { describeTaskFailures } from './task-failures';
import { describeTasks } from './tasks';

/** The suite's needs of an adapter: clients of one cluster, and events that happen to clusters in the world. */
export interface LogHarness {
  createTopic(name: string, partitions: number, largestRecordBytes?: number): Promise<void>;
  /** A separate client, like another process's. */
  connect(hooks?: TaskHooks): Promise<Log>;
  /** Opens the transactional id as another owner would. */
  fence(transactionalId: string): Promise<void>;
  /** Forgets the offsets of a group without members. */
  expireOffsets(group: string): Promise<void>;
  /** The offset that the group has committed; null: none. */
  committedOffset(group: string, topic: string, partition: number): Promise<number | null>;
  deleteTopic(name: string): Promise<void>;
  /** Deletes the records below the offset. */
  deleteRecords(topic: string, partition: number, offset: number): Promise<void>;
  addPartitions(topic: string, count: number): Promise<void>;
  close(): Promise<void>;
}

/** The contract of src/log/port.ts as tests: every adapter passes all of them. */
export function describeLog(adapter: string, open: () => Promise<LogHarness>): void {
  describe(`the log, ${adapter}`, () => {
    let harness: LogHarness | null = null;
    const opened: Log[] = [];
    let scenes = 0;

    beforeAll(async () => {
      harness = await open();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((log) => log.close()));
    });
    afterAll(async () => {
      await harness?.close();
    });

    const scene: OpenScene = async (partitions = 2) => {
      if (harness === null) throw new Error('the harness is not open');
      scenes += 1;
      return createScene(harness, `t${Date.now().toString(36)}-${scenes}`, partitions, opened);
    };
    describeTasks(scene);
    describeTaskFailures(scene);
    describeStandbys(scene);
    describeLosses(scene);
    describeSubscriptions(scene);
    describeReading(scene);
  });
}

export type OpenScene = (partitions?: number) => Promise<Scene>;
export type Scene = Awaited<ReturnType<typeof createScene>>;

/** Fresh topics and a fresh group for one test, and the sentences from which tests are made. */
async function createScene(harness: LogHarness, prefix: string, partitions: number, opened: Log[]) {
  const names = { input: `${prefix}-in`, changelog: `${prefix}-changelog`, state: `${prefix}-state` };
  const topology: Topology = {
    group: `${prefix}-group`,
    input: names.input,
    changelog: names.changelog,
    outputs: [names.state],
    tables: [names.state],
    timers: false,
  };
  for (const name of Object.values(names)) await harness.createTopic(name, partitions);

  const connect = async (hooks?: TaskHooks): Promise<Log> => {
    const log = await harness.connect(hooks);
    opened.push(log);
    return log;
  };
  const log = await connect();

  return {
    ...names,
    harness,
    topology,
    log,
    connect,
    /** Runs the sum task as one more member. */
    run: async (
      options: {
        hooks?: TaskHooks;
        task?: Partial<SumTaskOptions>;
        timers?: boolean;
        standbyIn?: string;
        wrap?: (task: Task) => Task;
      } = {},
    ) => {
      const client = await connect(options.hooks);
      const create = () => createSumTask({ stateTopic: names.state, ...options.task });
      const wrap = options.wrap ?? ((task) => task);
      const { timers = false, standbyIn } = options;
      return client.runTasks({ ...topology, timers, standbyIn }, () => wrap(create()));
    },
    produce: async (...records: readonly (readonly [key: string, value: string, partition?: number])[]) => {
      const producer = await log.createProducer();
      await producer.send(
        records.map(([key, value, partition = 0]) => ({
          topic: names.input,
          key,
          value: Buffer.from(value),
          partition,
        })),
      );
      await producer.close();
    },
    /** Commits an offset of the input's partition 0 for the group, as somebody else would. */
    commit: async (offset: number) => {
      const subscription = await log.subscribe({
        group: topology.group,
        topic: names.input,
        onAssigned: () => Promise.resolve(new Map()),
        onRevoked: () => undefined,
        onRecords: () => undefined,
      });
      await eventually(() => subscription.ready());
      await subscription.commit([{ partition: 0, offset }]);
      await subscription.stop();
    },
    /** All records of a topic committed by now, oldest first in each partition. */
    all: (topic: string) => readAll(log, topic),
    /** `key=value` of the state topic's committed records; a tombstone reads `key=null`. */
    rows: async (topic = names.state) =>
      (await readAll(log, topic))
        .map(({ key, value }) => `${key?.toString() ?? ''}=${value?.toString() ?? 'null'}`)
        .filter((row) => !row.startsWith('\0')),
  };
}

/** A hook that blocks everybody until it is released. */
export function createGate() {
  let open = (): void => undefined;
  let reached = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const arrived = new Promise<void>((resolve) => (reached = resolve));
  return {
    pass: () => {
      reached();
      return opened;
    },
    arrived,
    open: () => open(),
  };
}

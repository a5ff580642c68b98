import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ConversationEvent, DEFAULT_FOLD_SETTINGS } from '../../src/conversation';
import { createFoldTask, type FoldTaskOptions } from '../../src/fold/task';
import { keepObjectsYoung } from '../../src/fold/young-objects';
import {
  CHECKPOINT_KEY,
  createChangelogCodec,
  createEventReader,
  createLocalSchemas,
  createRowCodec,
  type LogRecord,
  type Task,
  topicNames,
} from '../../src/log';
import { createMetrics } from '../../src/ops';
import { peakMemory, report } from './child';
import { templatesOf } from './million-states';

export interface MillionProcessArgs {
  readonly live: number;
}

export interface MillionReports {
  readonly restored: Restored;
  readonly round: Round;
}

export interface Restored {
  readonly live: number;
  readonly meanStateBytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** The growth of heap and buffers, after garbage collection. */
  readonly bytesPerConversation: number;
  /** The process's memory, code and templates included. */
  readonly peakBytes: number;
}

/** CPU for an event, of one batch each. */
export interface Round {
  readonly microseconds: readonly number[];
}

const BATCH = 500;
/** A conversation has one event, so that none of the many is decoded already. */
const EVENTS_A_ROUND = 1_000;
/** It has no factor in common with the sizes, so that each conversation is far from the one before. */
const STRIDE = 7_919;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const topics = topicNames('bench');

class Million {
  readonly #live: number;
  readonly #options: FoldTaskOptions;
  readonly #templates: ReturnType<typeof templatesOf>;
  readonly #encode: (event: ConversationEvent) => Buffer;
  #task: Task;
  #rounds = 0;

  constructor(live: number, options: FoldTaskOptions) {
    this.#live = live;
    this.#options = options;
    this.#templates = templatesOf(options.settings);
    this.#encode = (event) => options.events.encode(event);
    this.#task = createFoldTask(0, options);
  }

  async restore(): Promise<Restored> {
    const values = this.#values('later');
    collectGarbage();
    const before = process.memoryUsage();
    const cpu = process.cpuUsage();
    const started = performance.now();
    this.#task = await this.#restored(values);
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const peakBytes = peakMemory();
    collectGarbage();
    await sleep(100);
    collectGarbage();
    const after = process.memoryUsage();
    const used = after.heapUsed + after.external - before.heapUsed - before.external;
    return {
      live: this.#live,
      meanStateBytes: Math.round(values.reduce((sum, { length }) => sum + length, 0) / values.length),
      seconds,
      cpuSeconds: (user + system) / 1e6,
      bytesPerConversation: Math.round(used / this.#live),
      peakBytes,
    };
  }

  /** Takes conversations that nothing has touched. With few conversations all stay decoded, and it takes these. */
  async round(): Promise<Round> {
    if (this.#live > EVENTS_A_ROUND) return { microseconds: this.#fold('then', this.#rounds++ * EVENTS_A_ROUND) };
    this.#task.close();
    this.#task = await this.#restored(this.#values('state'));
    this.#fold('next', 0);
    return { microseconds: this.#fold('then', 0) };
  }

  #values(of: 'state' | 'later'): readonly Buffer[] {
    return this.#templates.map((each) => this.#options.changelog.encode({ state: each[of], checkpoint: null }));
  }

  async #restored(values: readonly Buffer[]): Promise<Task> {
    const task = createFoldTask(0, this.#options);
    for (let index = 0; index < this.#live; index++) {
      const value = values[index % values.length];
      // Bytes of its own, as in a fetch.
      if (value !== undefined) task.restore(recordOf(topics.changelog, index, idOf(index), Buffer.from(value), 0));
    }
    const checkpoint = { nextOffset: 0, receivedAt: null, topics: [], last: null };
    const value = this.#options.changelog.encode({ state: null, checkpoint });
    task.restore(recordOf(topics.changelog, this.#live, CHECKPOINT_KEY, value, 0));
    await task.restored();
    task.begin({ topics: [], last: null });
    return task;
  }

  #fold(which: 'next' | 'then', from: number): number[] {
    const costs: number[] = [];
    for (let done = 0; done < EVENTS_A_ROUND; done += BATCH) {
      const batch = Array.from({ length: BATCH }, (_, at) => this.#event(which, from, done + at));
      const cpu = process.cpuUsage();
      this.#task.process(batch, from + done + BATCH);
      const { user, system } = process.cpuUsage(cpu);
      this.#task.committed();
      costs.push((user + system) / BATCH);
    }
    return costs;
  }

  /** The event of the `at`th template, for a conversation made from it. */
  #event(which: 'next' | 'then', from: number, at: number): LogRecord {
    const template = this.#templates[at];
    if (template === undefined) throw new Error(`no template ${at}`);
    const group = ((from / EVENTS_A_ROUND) * STRIDE + at) % (this.#live / this.#templates.length);
    const conversationId = idOf(group * this.#templates.length + at);
    const event = { ...template[which], conversationId };
    return recordOf(topics.events, from + at, conversationId, this.#encode(event), event.receivedAt);
  }
}

function idOf(index: number): string {
  return `${index.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
}

function recordOf(topic: string, offset: number, key: string, value: Buffer, timestamp: number): LogRecord {
  return { topic, partition: 0, offset, key: Buffer.from(key), value, timestamp, headers: {} };
}

async function main({ live }: MillionProcessArgs): Promise<void> {
  keepObjectsYoung();
  const schemas = createLocalSchemas();
  const million = new Million(live, {
    schemas,
    topics,
    events: await createEventReader(schemas, topics),
    rows: await createRowCodec(schemas, topics),
    visits: null,
    changelog: await createChangelogCodec(schemas, topics),
    settings: { ...DEFAULT_FOLD_SETTINGS, visits: 'off' },
    deadLetterLimits: { maxConsecutive: 100, maxRatio: 0.5 },
    metrics: createMetrics(),
  });
  process.once('disconnect', () => process.exit(1));
  process.on('message', (word) => {
    if (word === 'end') process.exit(0);
    if (word === 'round') void million.round().then((round) => report('round', round));
  });
  report('restored', await million.restore());
}

void main(JSON.parse(process.argv[2] ?? '') as MillionProcessArgs);

import { OperatorError } from '../../common';
import type { LogRecord, Task, Topology } from '../port';
import { FencedError, type Backend, type TaskHooks } from './backend';
import { lookAround } from './beginning';
import { judge, markOf, refusalOf, type Found, type Loss } from './losses';

export interface AdoptOptions {
  readonly backend: Backend;
  readonly topology: Topology;
  readonly createTask: (partition: number) => Task;
  readonly partitions: number;
  readonly hooks: TaskHooks;
}

/** @see Log.adopt */
export async function adoptPartitions(options: AdoptOptions): Promise<readonly string[]> {
  const done: string[] = [];
  for (let partition = 0; partition < options.partitions; partition++) {
    const what = await adoptPartition(options, partition);
    if (what !== null) done.push(what);
  }
  return done;
}

async function adoptPartition(options: AdoptOptions, partition: number): Promise<string | null> {
  const { backend, topology, hooks } = options;
  const producer = await backend.openFencedProducer(topology, partition, hooks);
  const task = options.createTask(partition);
  try {
    await producer.restore((record) => task.restore(record), never);
    const checkpoint = await task.restored();
    const found = await lookAround(backend, topology, partition, checkpoint);
    const { losses, rewrite } = judge(found);
    if (losses.length === 0) return null;
    const isApparent = losses.some(({ certainty }) => certainty === 'apparent');
    if (isApparent && !(await backend.inSync([topology.input, topology.changelog], partition))) {
      throw new OperatorError(
        `${topology.input}/${partition}: not all replicas of it and of ${topology.changelog} are in sync, so Kafka may show ` +
          'fewer records than it has. Start the missing brokers and try again.',
      );
    }
    const final = losses.filter(({ kind }) => kind === 'neither');
    if (final.length > 0) throw refusalOf(final);
    const from = newBeginning(found, losses);
    const rows = losses.some(({ kind }) => kind === 'state') ? await reclaim(backend, task, found) : null;
    const isOtherInput = losses.some(({ kind }) => kind === 'input');
    task.begin({ topics: found.topics, last: isOtherInput ? null : (checkpoint?.last ?? null) });
    for (const output of task.rewrite(rewrite, from)) await producer.commit(output, from);
    const taken = rows === null ? '' : `, with the state of ${rows} rows of ${topology.tables.join(', ')}`;
    return `${topology.input}/${partition}: the fold continues at offset ${from}${taken}`;
  } catch (error) {
    if (!(error instanceof FencedError)) throw error;
    throw new OperatorError(
      `${topology.input}/${partition}: a fold of group ${topology.group} still runs. Stop every fold and try again.`,
      { cause: error },
    );
  } finally {
    task.close();
    await producer.close();
  }
}

function never(): boolean {
  return false;
}

/** A recreated input is folded from its beginning. Otherwise the fold continues where its state ends. */
function newBeginning({ topology, topics, checkpoint, committed }: Found, losses: readonly Loss[]): number {
  const { beginning } = markOf(topics, topology.input);
  if (losses.some(({ kind }) => kind === 'input')) return beginning;
  return Math.max(beginning, checkpoint?.nextOffset ?? committed ?? beginning);
}

/** Returns the number of keys that got a state. */
async function reclaim(backend: Backend, task: Task, { topology, topics, partition }: Found): Promise<number> {
  let reclaimed = 0;
  for (const topic of topology.tables) {
    const { beginning, end } = markOf(topics, topic);
    const last = new Map<string, LogRecord>();
    await backend.readRange(
      { topic, partition, from: beginning, to: end },
      (record) => {
        if (record.key !== null) last.set(record.key.toString('latin1'), record);
      },
      never,
    );
    reclaimed += await task.reclaim(last.values());
  }
  return reclaimed;
}

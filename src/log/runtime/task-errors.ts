import { messageOf, OperatorError } from '../../common';
import type { LogRecord, TaskOutput, Topology } from '../port';
import { recordBytes } from '../record-size';
import type { Attempt } from './batch-size';
import { refusalOf, type Loss } from './losses';

/** Data that a task needs is gone. */
export class LossFound extends Error {
  constructor(readonly losses: readonly Loss[]) {
    super(refusalOf(losses).message);
  }
}

/** A topic is not the one that the task began with. */
export class TopicsChanged extends Error {}

/** Marks an error of the task's own code. It is fatal; all others lead back to FENCING. */
export class TaskFailure extends Error {
  constructor(readonly reason: unknown) {
    super(messageOf(reason));
  }
}

export function ofTask<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new TaskFailure(error);
  }
}

export async function waitForTask<T>(answer: T | Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new TaskFailure(error);
  }
}

export function attemptOf(
  { changelog, outputs }: TaskOutput,
  nextOffset: number,
  taken: readonly LogRecord[],
): Attempt {
  let bytes = 0;
  for (const record of changelog) bytes += recordBytes(record);
  for (const record of outputs) bytes += recordBytes(record);
  return { records: taken.length, bytes, firstOffset: taken[0]?.offset ?? null, nextOffset };
}

export function refusedError(
  { input, outputs, changelog }: Topology,
  partition: number,
  offset: number,
  answer: string,
): OperatorError {
  return new OperatorError(
    `${input}[${partition}]@${offset}: Kafka refuses what the fold makes of this record (${answer}). Compare max.message.bytes, ` +
      `cleanup.policy and message.timestamp.… of ${[changelog, ...outputs].join(', ')} with \`queuefold doctor\`, and run \`queuefold setup\`.`,
  );
}

import type { TaskOutput } from '../log';

/** One record of a transaction, to the changelog or to an output. */
export type Written =
  | { readonly to: 'changelog'; readonly record: TaskOutput['changelog'][number] }
  | { readonly to: 'output'; readonly record: TaskOutput['outputs'][number] };

const RECORDS = 1_000;
const BYTES = 1024 * 1024;

/** Splits records among small transactions, however many records there are. */
export function* inTransactions(all: Iterable<Written>): Generator<TaskOutput> {
  let changelog: TaskOutput['changelog'][number][] = [];
  let outputs: TaskOutput['outputs'][number][] = [];
  let bytes = 0;
  for (const one of all) {
    if (one.to === 'changelog') changelog.push(one.record);
    else outputs.push(one.record);
    bytes += one.record.value?.length ?? 0;
    if (changelog.length + outputs.length < RECORDS && bytes < BYTES) continue;
    yield { changelog, outputs };
    changelog = [];
    outputs = [];
    bytes = 0;
  }
  if (changelog.length + outputs.length > 0) yield { changelog, outputs };
}

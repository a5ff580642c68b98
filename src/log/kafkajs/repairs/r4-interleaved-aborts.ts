import { replaceExports } from '../internals';

export interface FetchedMessage {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}
interface Fetched {
  readonly messages: readonly FetchedMessage[];
  readonly abortedTransactions?: readonly { readonly firstOffset: string; readonly producerId: string }[] | null;
}
export type FilterAbortedMessages = (fetched: Fetched) => readonly FetchedMessage[];

/** The type field of a control record's key: version int16, type int16. */
const ABORT = 0;

/**
 * R4: read_committed delivers aborted records. The broker lists a partition's aborted transactions in the order in
 * which they END; `consumer/filterAbortedMessages` assumes the order in which they START, and opens at most one entry a
 * record. When aborted transactions of two producers interleave, records of the earlier one come through. Repair: sort
 * by first offset, open every entry that applies. A record of `consumer/batch` without `batchContext` (message sets
 * before format 2) cannot be transactional.
 */
export function repairInterleavedAborts(): void {
  replaceExports<FilterAbortedMessages>('consumer/filterAbortedMessages', () => filter);
}

const filter: FilterAbortedMessages = ({ messages, abortedTransactions }) => {
  if (abortedTransactions === undefined || abortedTransactions === null || abortedTransactions.length === 0) {
    return messages;
  }
  const starts = abortedTransactions
    .map(({ firstOffset, producerId }) => ({ firstOffset: BigInt(firstOffset), producerId }))
    .sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const aborted = new Set<string>();
  let opened = 0;
  return messages.filter(({ offset, key, isControlRecord, batchContext }) => {
    const at = BigInt(offset);
    for (let start = starts[opened]; start !== undefined && start.firstOffset <= at; start = starts[opened]) {
      aborted.add(start.producerId);
      opened += 1;
    }
    const producerId = batchContext.producerId;
    if (isControlRecord) {
      if (key !== null && key.length >= 4 && key.readInt16BE(2) === ABORT) aborted.delete(producerId);
      return true;
    }
    return !(batchContext.inTransaction && aborted.has(producerId));
  });
};

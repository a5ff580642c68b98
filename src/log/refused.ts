import type { OutRecord } from './port';

/**
 * The log will never take a write, however often it is sent: the transaction is not committed, and its outcome is
 * known. The message names the log's answer, e.g. MESSAGE_TOO_LARGE.
 */
export class RefusedError extends Error {
  override readonly name: string = 'RefusedError';
}

/** The same for a call of a producer: the log refused these records one by one, and stored all others. */
export class RefusedRecordsError extends RefusedError {
  override readonly name = 'RefusedRecordsError';

  constructor(
    readonly records: readonly OutRecord[],
    answer: string,
  ) {
    super(answer);
  }
}

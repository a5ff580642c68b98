import type { OutRecord } from './port';

/**
 * What the log answered to a write that it will never take, however often it is sent: the transaction is not committed, and
 * its outcome is known. The message names the answer, such as MESSAGE_TOO_LARGE.
 */
export class RefusedError extends Error {
  override readonly name: string = 'RefusedError';
}

/** The same of a producer's call: these of its records were refused one by one, and all others are stored. */
export class RefusedRecordsError extends RefusedError {
  override readonly name = 'RefusedRecordsError';

  constructor(
    readonly records: readonly OutRecord[],
    answer: string,
  ) {
    super(answer);
  }
}

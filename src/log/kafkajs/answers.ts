import type { KafkajsError } from './internals';

/**
 * The consequence of a broker's error answer to a write:
 * - `retried`: kafkajs repeats the request (about 6 s within a transaction, about 2 minutes outside). If it still fails,
 *   the rest is as for `restart`.
 * - `restart`: the outcome is unknown. The task is thrown away, fences, reads offset and state, and folds again in half
 *   the size, at growing intervals up to 5 s, without an end: the cause passes without action.
 * - `fence`: a newer owner writes. The task closes, and continues only under a new assignment.
 * - `refused`: nothing is committed, and the answer would be the same again. The fold bisects the records. The record
 *   that is the cause goes to the dead letters, or ends the role with a message.
 * - `fatal`: no record is at fault, and only a person can change it. The role ends with a message.
 */
export type Verdict = 'retried' | 'restart' | 'fence' | 'refused' | 'fatal';

/** The requests that write; `transaction`: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn and EndTxn. */
export type WriteRequest = 'produce' | 'transaction' | 'commit';

export interface Answer {
  readonly code: number;
  /** Kafka's name; kafkajs has older names for some. */
  readonly name: string;
  readonly verdict: Verdict;
  readonly of: readonly WriteRequest[];
  /** Its meaning here, for the table in docs/reference/kafka-errors.md. */
  readonly means: string;
}

const ALL: readonly WriteRequest[] = ['produce', 'transaction', 'commit'];
const COORDINATED: readonly WriteRequest[] = ['transaction', 'commit'];
const PRODUCE: readonly WriteRequest[] = ['produce'];
const TRANSACTION: readonly WriteRequest[] = ['transaction'];
const COMMIT: readonly WriteRequest[] = ['commit'];
const WRITES: readonly WriteRequest[] = ['produce', 'transaction'];

function answer(code: number, name: string, verdict: Verdict, of: readonly WriteRequest[], means: string): Answer {
  return { code, name, verdict, of, means };
}

/** Every error code that can answer a produce, a transaction or a commit (Kafka 4.1), by code. */
export const ANSWERS: readonly Answer[] = [
  answer(-1, 'UNKNOWN_SERVER_ERROR', 'restart', ALL, 'the broker failed'),
  answer(2, 'CORRUPT_MESSAGE', 'retried', PRODUCE, 'bytes were damaged on their way'),
  answer(3, 'UNKNOWN_TOPIC_OR_PARTITION', 'retried', ALL, 'the broker does not know the topic yet, or no longer'),
  answer(5, 'LEADER_NOT_AVAILABLE', 'retried', PRODUCE, 'a leader is being elected'),
  answer(6, 'NOT_LEADER_OR_FOLLOWER', 'retried', PRODUCE, 'the leader has moved'),
  answer(7, 'REQUEST_TIMED_OUT', 'retried', ALL, 'replicas or the coordinator were too slow'),
  answer(8, 'BROKER_NOT_AVAILABLE', 'restart', COORDINATED, 'the broker stops or starts'),
  answer(10, 'MESSAGE_TOO_LARGE', 'refused', PRODUCE, 'larger than the topic’s max.message.bytes'),
  answer(12, 'OFFSET_METADATA_TOO_LARGE', 'fatal', COMMIT, 'larger than the broker’s offset.metadata.max.bytes'),
  answer(13, 'NETWORK_EXCEPTION', 'retried', ALL, 'the connection broke'),
  answer(14, 'COORDINATOR_LOAD_IN_PROGRESS', 'retried', COORDINATED, 'the coordinator reads its log'),
  answer(15, 'COORDINATOR_NOT_AVAILABLE', 'retried', COORDINATED, 'there is no coordinator yet'),
  answer(16, 'NOT_COORDINATOR', 'retried', COORDINATED, 'the coordinator has moved'),
  answer(17, 'INVALID_TOPIC_EXCEPTION', 'fatal', ALL, 'a name that no topic may have'),
  answer(18, 'RECORD_LIST_TOO_LARGE', 'refused', PRODUCE, 'larger than the topic’s segment.bytes'),
  answer(19, 'NOT_ENOUGH_REPLICAS', 'retried', PRODUCE, 'fewer replicas in sync than min.insync.replicas'),
  answer(20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'retried', PRODUCE, 'the same, noticed after the write'),
  answer(21, 'INVALID_REQUIRED_ACKS', 'fatal', PRODUCE, 'the broker does not know acks=all'),
  answer(22, 'ILLEGAL_GENERATION', 'fence', COMMIT, 'the group has a newer generation'),
  answer(24, 'INVALID_GROUP_ID', 'fatal', COORDINATED, 'a name that no group may have'),
  answer(25, 'UNKNOWN_MEMBER_ID', 'fence', COMMIT, 'the group no longer knows this member'),
  answer(27, 'REBALANCE_IN_PROGRESS', 'fence', COMMIT, 'the group assigns its partitions'),
  answer(28, 'INVALID_COMMIT_OFFSET_SIZE', 'fatal', COMMIT, 'an offset record larger than the limit of its topic'),
  answer(29, 'TOPIC_AUTHORIZATION_FAILED', 'fatal', ALL, 'no Write on an output, or no Read on the input'),
  answer(30, 'GROUP_AUTHORIZATION_FAILED', 'fatal', COORDINATED, 'no Read on the group'),
  answer(31, 'CLUSTER_AUTHORIZATION_FAILED', 'fatal', WRITES, 'no idempotent writes for this user'),
  answer(32, 'INVALID_TIMESTAMP', 'refused', PRODUCE, 'outside the topic’s message.timestamp.….max.ms'),
  answer(35, 'UNSUPPORTED_VERSION', 'fatal', ALL, 'a broker that is too old or too new'),
  answer(42, 'INVALID_REQUEST', 'fatal', ALL, 'the broker reads the request in another way'),
  answer(43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'fatal', ALL, 'a topic with message.format.version before 0.11'),
  answer(44, 'POLICY_VIOLATION', 'refused', PRODUCE, 'against a policy of the broker'),
  answer(45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'restart', PRODUCE, 'an earlier batch was lost'),
  answer(46, 'DUPLICATE_SEQUENCE_NUMBER', 'restart', PRODUCE, 'the broker has the batch already'),
  answer(47, 'INVALID_PRODUCER_EPOCH', 'fence', ALL, 'a newer owner, or the transaction outlasted its time-out'),
  answer(48, 'INVALID_TXN_STATE', 'restart', ALL, 'the coordinator has ended the transaction'),
  answer(49, 'INVALID_PRODUCER_ID_MAPPING', 'restart', ALL, 'the transactional id has expired'),
  answer(50, 'INVALID_TRANSACTION_TIMEOUT', 'fatal', TRANSACTION, 'transaction.max.timeout.ms is less than 15 s'),
  answer(51, 'CONCURRENT_TRANSACTIONS', 'retried', WRITES, 'the last transaction’s markers are being written'),
  answer(52, 'TRANSACTION_COORDINATOR_FENCED', 'restart', TRANSACTION, 'another coordinator has taken over'),
  answer(53, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'fatal', ALL, 'no Write on the transactional id'),
  answer(55, 'OPERATION_NOT_ATTEMPTED', 'restart', TRANSACTION, 'another partition of the request failed'),
  answer(56, 'KAFKA_STORAGE_ERROR', 'retried', ALL, 'a disk of the broker failed'),
  answer(59, 'UNKNOWN_PRODUCER_ID', 'restart', ALL, 'the broker has forgotten the producer'),
  answer(69, 'GROUP_ID_NOT_FOUND', 'fence', COMMIT, 'the group was deleted'),
  answer(74, 'FENCED_LEADER_EPOCH', 'retried', PRODUCE, 'the leader has moved'),
  answer(76, 'UNSUPPORTED_COMPRESSION_TYPE', 'fatal', PRODUCE, 'a compression that the broker does not know'),
  answer(82, 'FENCED_INSTANCE_ID', 'fence', COMMIT, 'another member has this one’s name'),
  answer(87, 'INVALID_RECORD', 'refused', PRODUCE, 'no key in a compacted topic, or a broken record'),
  answer(88, 'UNSTABLE_OFFSET_COMMIT', 'retried', COMMIT, 'a transaction over the offset is under way'),
  answer(89, 'THROTTLING_QUOTA_EXCEEDED', 'restart', ALL, 'the client exceeds its quota'),
  answer(90, 'PRODUCER_FENCED', 'fence', WRITES, 'a newer owner'),
  answer(
    97,
    'PRINCIPAL_DESERIALIZATION_FAILURE',
    'restart',
    ALL,
    'brokers of two releases do not understand each other',
  ),
  answer(100, 'UNKNOWN_TOPIC_ID', 'restart', WRITES, 'the topic was recreated'),
  answer(103, 'INCONSISTENT_TOPIC_ID', 'restart', WRITES, 'the topic was recreated'),
  answer(105, 'TRANSACTIONAL_ID_NOT_FOUND', 'restart', TRANSACTION, 'the transactional id has expired'),
  answer(108, 'NEW_LEADER_ELECTED', 'restart', PRODUCE, 'the leader has moved'),
  answer(110, 'FENCED_MEMBER_EPOCH', 'fence', COMMIT, 'the group has a newer generation'),
  answer(113, 'STALE_MEMBER_EPOCH', 'fence', COMMIT, 'the group has a newer generation'),
  answer(120, 'TRANSACTION_ABORTABLE', 'restart', ALL, 'the broker asks to abort the transaction'),
  answer(129, 'REBOOTSTRAP_REQUIRED', 'restart', ALL, 'the broker knows no other brokers'),
];

const BY_CODE = new Map(ANSWERS.map((each) => [each.code, each]));
/** kafkajs gives −99 to every code that is newer than itself, and leaves the code in the message. */
const NEWER = /^Unknown error code (-?\d+)$/;

/** The broker's answer within an error of kafkajs or its causes; null: none, or not of a request that writes. */
export function answerOf(error: unknown): Answer | null {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code, message } = current as KafkajsError;
    const newer = NEWER.exec(message)?.[1];
    const found = BY_CODE.get(newer === undefined ? Number(code ?? Number.NaN) : Number(newer));
    if (found !== undefined) return found;
  }
  return null;
}

const SEVERITY: readonly Verdict[] = ['retried', 'restart', 'refused', 'fatal', 'fence'];

/** Of several failures of one transaction, the one that decides the consequence. */
export function gravest(errors: readonly unknown[]): unknown {
  const weight = (error: unknown): number => SEVERITY.indexOf(answerOf(error)?.verdict ?? 'restart');
  return errors.reduce((worst, error) => (weight(error) > weight(worst) ? error : worst), errors[0]);
}

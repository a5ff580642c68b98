import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { answerOf, ANSWERS, gravest } from '../../../src/log/kafkajs/answers';
import { kafkajs } from '../../../src/log/kafkajs/client';
import { requireInternal } from '../../../src/log/kafkajs/internals';

const root = join(__dirname, '..', '..', '..');
/** Kafka 4.1's `Errors`: code and name. */
const kafkaErrors = readFileSync(join(root, 'test', 'fixtures', 'kafka-errors.txt'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split(' '))
  .map(([code, name]) => ({ code: Number(code), name: name ?? '' }));

/** Those of other requests: reading, joining a group, administration, share groups, streams. */
const NOT_OF_WRITES = new Set(
  `NONE OFFSET_OUT_OF_RANGE INVALID_FETCH_SIZE REPLICA_NOT_AVAILABLE STALE_CONTROLLER_EPOCH INCONSISTENT_GROUP_PROTOCOL
  INVALID_SESSION_TIMEOUT UNSUPPORTED_SASL_MECHANISM ILLEGAL_SASL_STATE TOPIC_ALREADY_EXISTS INVALID_PARTITIONS
  INVALID_REPLICATION_FACTOR INVALID_REPLICA_ASSIGNMENT INVALID_CONFIG NOT_CONTROLLER SECURITY_DISABLED LOG_DIR_NOT_FOUND
  SASL_AUTHENTICATION_FAILED REASSIGNMENT_IN_PROGRESS DELEGATION_TOKEN_AUTH_DISABLED DELEGATION_TOKEN_NOT_FOUND
  DELEGATION_TOKEN_OWNER_MISMATCH DELEGATION_TOKEN_REQUEST_NOT_ALLOWED DELEGATION_TOKEN_AUTHORIZATION_FAILED
  DELEGATION_TOKEN_EXPIRED INVALID_PRINCIPAL_TYPE NON_EMPTY_GROUP FETCH_SESSION_ID_NOT_FOUND INVALID_FETCH_SESSION_EPOCH
  LISTENER_NOT_FOUND TOPIC_DELETION_DISABLED UNKNOWN_LEADER_EPOCH STALE_BROKER_EPOCH OFFSET_NOT_AVAILABLE
  MEMBER_ID_REQUIRED PREFERRED_LEADER_NOT_AVAILABLE GROUP_MAX_SIZE_REACHED ELIGIBLE_LEADERS_NOT_AVAILABLE
  ELECTION_NOT_NEEDED NO_REASSIGNMENT_IN_PROGRESS GROUP_SUBSCRIBED_TO_TOPIC RESOURCE_NOT_FOUND DUPLICATE_RESOURCE
  UNACCEPTABLE_CREDENTIAL INCONSISTENT_VOTER_SET INVALID_UPDATE_VERSION FEATURE_UPDATE_FAILED SNAPSHOT_NOT_FOUND
  POSITION_OUT_OF_RANGE DUPLICATE_BROKER_REGISTRATION BROKER_ID_NOT_REGISTERED INCONSISTENT_CLUSTER_ID
  FETCH_SESSION_TOPIC_ID_ERROR INELIGIBLE_REPLICA OFFSET_MOVED_TO_TIERED_STORAGE UNRELEASED_INSTANCE_ID
  UNSUPPORTED_ASSIGNOR MISMATCHED_ENDPOINT_TYPE UNSUPPORTED_ENDPOINT_TYPE UNKNOWN_CONTROLLER_ID UNKNOWN_SUBSCRIPTION_ID
  TELEMETRY_TOO_LARGE INVALID_REGISTRATION INVALID_RECORD_STATE SHARE_SESSION_NOT_FOUND INVALID_SHARE_SESSION_EPOCH
  FENCED_STATE_EPOCH INVALID_VOTER_KEY DUPLICATE_VOTER VOTER_NOT_FOUND INVALID_REGULAR_EXPRESSION
  STREAMS_INVALID_TOPOLOGY STREAMS_INVALID_TOPOLOGY_EPOCH STREAMS_TOPOLOGY_FENCED SHARE_SESSION_LIMIT_REACHED`
    .trim()
    .split(/\s+/),
);

/** What kafkajs throws at that code. */
function thrown(code: number): Error {
  kafkajs();
  const { createErrorFromCode } = requireInternal('protocol/error') as { createErrorFromCode: (of: number) => Error };
  return createErrorFromCode(code);
}

describe('what brokers answer to writes', () => {
  test('is every error of Kafka, but for those of other requests', () => {
    const wanted = kafkaErrors.filter(({ name }) => !NOT_OF_WRITES.has(name));
    expect(ANSWERS.map(({ code, name }) => ({ code, name }))).toEqual(wanted);
  });

  test('is repeated at once where the list says so, and nowhere else: kafkajs does the same', () => {
    const { errorCodes } = requireInternal('protocol/error') as {
      errorCodes: readonly { readonly code: number; readonly retriable: boolean }[];
    };
    for (const { code, retriable } of errorCodes) {
      const answer = ANSWERS.find((each) => each.code === code);
      if (answer !== undefined) expect([answer.name, answer.verdict === 'retried']).toEqual([answer.name, retriable]);
    }
  });

  test.each(ANSWERS)(
    '$name is recognised, also as the cause of another error, and where kafkajs does not know it',
    (answer) => {
      expect(answerOf(thrown(answer.code))).toBe(answer);
      expect(answerOf(new Error('retries exceeded', { cause: thrown(answer.code) }))).toBe(answer);
    },
  );

  test('is nothing where no broker answered', () => {
    expect(answerOf(Object.assign(new Error('away'), { code: 'ECONNREFUSED' }))).toBeNull();
  });

  test('of several failures of one transaction a fence comes before all, and a refusal before what may pass', () => {
    const [away, refused, fenced] = [new Error('away'), thrown(10), thrown(47)];
    expect(gravest([away, refused])).toBe(refused);
    expect(gravest([refused, away, fenced])).toBe(fenced);
  });

  test('is in the table of the reference', () => {
    const page = readFileSync(join(root, 'docs', 'reference', 'kafka-errors.md'), 'utf8');
    const table = ANSWERS.map(
      ({ code, name, verdict, of, means }) => `| ${code} | ${name} | ${of.join(', ')} | ${verdict} | ${means} |`,
    );
    expect(page.split('\n').filter((line) => /^\| -?\d+ \| [A-Z_]+ \|/.test(line))).toEqual(table);
  });
});

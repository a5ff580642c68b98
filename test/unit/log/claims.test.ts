import { describe, expect, test } from '@jest/globals';
import { kafkajs } from '../../../src/log/kafkajs/client';
import { encodeClaim, readAssignment, shareOut } from '../../../src/log/kafkajs/group/claims';

const TOPIC = 'events';
const ALL = [0, 1, 2, 3];

const joined = (memberId: string, claim: object) => ({
  memberId,
  memberMetadata: kafkajs().AssignerProtocol.MemberMetadata.encode({
    version: 0,
    topics: [TOPIC],
    userData: Buffer.from(JSON.stringify(claim)),
  }),
});
/** As a leader knew and said it before there were standby copies. */
const ofOldLeader = (partitions: number[]): Buffer =>
  kafkajs().AssignerProtocol.MemberAssignment.encode({
    version: 0,
    assignment: { [TOPIC]: partitions },
    userData: Buffer.alloc(0),
  });

describe('claims of members, while versions and settings are mixed', () => {
  const now = { memberId: 'now', memberMetadata: encodeClaim(TOPIC, { generation: 3, partitions: [2, 3] }) };
  const keeper = {
    memberId: 'keeper',
    memberMetadata: encodeClaim(TOPIC, {
      generation: 3,
      partitions: [2, 3],
      standby: { process: 'P', warm: [0] },
    }),
  };
  const old = joined('old', { generation: 3, partitions: [0, 1] });

  test('a member of an older version keeps what it has, and its partitions get copies', () => {
    const shares = new Map(
      shareOut(TOPIC, [old, keeper], ALL).map(({ memberId, memberAssignment }) => [memberId, memberAssignment]),
    );
    const told = (memberId: string) => readAssignment(TOPIC, shares.get(memberId) ?? Buffer.alloc(0));
    expect(told('keeper')).toEqual({ partitions: [2, 3], standby: [0, 1] });
    expect(told('old')).toEqual({ partitions: [0, 1], standby: [] });
    // All that an older version reads of it.
    const decoded = kafkajs().AssignerProtocol.MemberAssignment.decode(shares.get('old') ?? Buffer.alloc(0));
    expect(decoded?.assignment).toEqual({ [TOPIC]: [0, 1] });
  });

  test('a member without the setting keeps no copies', () => {
    const [first, second] = shareOut(TOPIC, [old, now], ALL).map(({ memberAssignment }) =>
      readAssignment(TOPIC, memberAssignment),
    );
    expect([first?.standby, second?.standby]).toEqual([[], []]);
  });

  test('a leader of an older version asks for no copies', () => {
    expect(readAssignment(TOPIC, ofOldLeader([1, 0]))).toEqual({ partitions: [0, 1], standby: [] });
  });

  test('what an older leader reads of a claim with copies is what it owns', () => {
    const userData = kafkajs().AssignerProtocol.MemberMetadata.decode(keeper.memberMetadata)?.userData;
    expect(JSON.parse(String(userData))).toMatchObject({ generation: 3, partitions: [2, 3] });
  });

  test.each([{}, null, [], { generation: 1, partitions: [0, 'x'], standby: 7 }, { standby: { process: 1, warm: 2 } }])(
    'a claim such as %j shares out all the same',
    (claim) => {
      const shares = shareOut(TOPIC, [joined('strange', claim as object), keeper], ALL);
      const all = shares.flatMap(({ memberAssignment }) => readAssignment(TOPIC, memberAssignment).partitions);
      expect([...all].sort()).toEqual(ALL);
    },
  );
});

import { assignStandbys, assignSticky, type StandbyClaim } from '../../runtime/assign';
import { kafkajs } from '../client';

/** The claim of a member that joins. */
export interface Claim {
  /** The assignment in which it got these partitions; −1: it has had none. */
  readonly generation: number;
  readonly partitions: readonly number[];
  /** Absent: it keeps no standby copies, or its version does not know them. */
  readonly standby?: StandbyClaim | undefined;
}

/** A member's part of the group's assignment. */
export interface Assigned {
  /** In order. */
  readonly partitions: readonly number[];
  /** The partitions of which it keeps a standby copy; none if the leader's version does not know them. */
  readonly standby: readonly number[];
}

export interface JoinedMember {
  readonly memberId: string;
  readonly memberMetadata: Buffer;
}

export interface Share {
  readonly memberId: string;
  readonly memberAssignment: Buffer;
}

/** The assigner's name and version in the group's protocol. */
export const PROTOCOL = 'queuefold-sticky';
const VERSION = 0;
const NO_CLAIM: Claim = { generation: -1, partitions: [] };

/**
 * The message of a member that joins. kafkajs has only a round-robin assigner, which moves most partitions every time.
 */
export function encodeClaim(topic: string, claim: Claim): Buffer {
  const userData = Buffer.from(JSON.stringify(claim));
  return kafkajs().AssignerProtocol.MemberMetadata.encode({ version: VERSION, topics: [topic], userData });
}

/** The leader's work: every member keeps its partitions, as far as that is fair. */
export function shareOut(topic: string, members: readonly JoinedMember[], partitions: readonly number[]): Share[] {
  const { MemberMetadata, MemberAssignment } = kafkajs().AssignerProtocol;
  const claims = members.map(({ memberId, memberMetadata }) => {
    const { generation, partitions: owned, standby } = readClaim(MemberMetadata.decode(memberMetadata)?.userData);
    return { id: memberId, generation, owned, standby };
  });
  const assignment = assignSticky(claims, partitions);
  const standbys = assignStandbys(claims, assignment);
  return [...assignment].map(([memberId, mine]) => ({
    memberId,
    memberAssignment: MemberAssignment.encode({
      version: VERSION,
      assignment: { [topic]: [...mine] },
      userData: Buffer.from(JSON.stringify({ standby: standbys.get(memberId) ?? [] })),
    }),
  }));
}

export function readAssignment(topic: string, assignment: Buffer): Assigned {
  const decoded = kafkajs().AssignerProtocol.MemberAssignment.decode(assignment);
  return {
    partitions: [...(decoded?.assignment[topic] ?? [])].sort((a, b) => a - b),
    standby: numbersOf(readObject(decoded?.userData)['standby']),
  };
}

function readClaim(userData: Buffer | undefined): Claim {
  const { generation, partitions, standby } = readObject(userData);
  if (typeof generation !== 'number' || !Array.isArray(partitions)) return NO_CLAIM;
  return { generation, partitions: numbersOf(partitions), standby: readStandby(standby) };
}

function readStandby(told: unknown): StandbyClaim | undefined {
  const { process, warm } = isObject(told) ? told : NOTHING;
  return typeof process === 'string' ? { process, warm: numbersOf(warm) } : undefined;
}

const NOTHING: Readonly<Record<string, unknown>> = {};

/** Empty if the data hold no object: other members may send anything. */
function readObject(userData: Buffer | undefined): Readonly<Record<string, unknown>> {
  try {
    const told: unknown = JSON.parse(userData?.toString() ?? '');
    return isObject(told) ? told : NOTHING;
  } catch {
    return NOTHING;
  }
}

function isObject(told: unknown): told is Readonly<Record<string, unknown>> {
  return typeof told === 'object' && told !== null;
}

function numbersOf(told: unknown): readonly number[] {
  return Array.isArray(told) ? told.filter((one) => typeof one === 'number') : [];
}

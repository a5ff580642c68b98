import { assignSticky } from '../runtime/assign';
import { kafkajs } from './client';

/** The claim of a member that joins. */
export interface Claim {
  /** The assignment in which it got these partitions; −1: it has had none. */
  readonly generation: number;
  readonly partitions: readonly number[];
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
    const { generation, partitions: owned } = readClaim(MemberMetadata.decode(memberMetadata)?.userData);
    return { id: memberId, generation, owned };
  });
  return [...assignSticky(claims, partitions)].map(([memberId, mine]) => ({
    memberId,
    memberAssignment: MemberAssignment.encode({
      version: VERSION,
      assignment: { [topic]: [...mine] },
      userData: Buffer.alloc(0),
    }),
  }));
}

/** The partitions of an assignment, in order. */
export function readAssignment(topic: string, assignment: Buffer): readonly number[] {
  const decoded = kafkajs().AssignerProtocol.MemberAssignment.decode(assignment);
  return [...(decoded?.assignment[topic] ?? [])].sort((a, b) => a - b);
}

function readClaim(userData: Buffer | undefined): Claim {
  try {
    const claim = JSON.parse(userData?.toString() ?? '') as Partial<Record<keyof Claim, unknown>> | null;
    const generation: unknown = claim?.generation;
    const partitions: unknown = claim?.partitions;
    if (typeof generation !== 'number' || !Array.isArray(partitions)) return NO_CLAIM;
    return { generation, partitions: partitions.filter((one) => typeof one === 'number') };
  } catch {
    return NO_CLAIM;
  }
}

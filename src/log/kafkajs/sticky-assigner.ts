import type { PartitionAssigner } from 'kafkajs';
import { assignSticky } from '../runtime/assign';
import { kafkajs } from './client';

/**
 * kafkajs has only a round-robin assigner, which moves most partitions at every rebalance, and each move is a fence and a
 * restore. This one tells the leader what the member owns (as user data of the protocol, JSON) and keeps it there.
 */
export function stickyAssigner(owned: () => readonly number[]): PartitionAssigner {
  const { MemberMetadata, MemberAssignment } = kafkajs().AssignerProtocol;
  const name = 'queuefold-sticky';
  const version = 0;
  return ({ cluster }) => ({
    name,
    version,
    protocol: ({ topics }) => ({
      name,
      metadata: MemberMetadata.encode({ version, topics, userData: Buffer.from(JSON.stringify(owned())) }),
    }),
    assign({ members, topics }) {
      const claims = members.map(({ memberId, memberMetadata }) => ({
        id: memberId,
        owned: claimOf(MemberMetadata.decode(memberMetadata)?.userData),
      }));
      const assignments = new Map<string, Record<string, number[]>>(members.map(({ memberId }) => [memberId, {}]));
      for (const topic of topics) {
        const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
        for (const [id, mine] of assignSticky(claims, partitions)) {
          const assignment = assignments.get(id);
          if (assignment !== undefined) assignment[topic] = [...mine];
        }
      }
      return Promise.resolve(
        [...assignments].map(([memberId, assignment]) => ({
          memberId,
          memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }),
        })),
      );
    },
  });
}

function claimOf(userData: Buffer | undefined): readonly number[] {
  try {
    const claim: unknown = JSON.parse(userData?.toString() ?? '');
    return Array.isArray(claim) ? claim.filter((one) => typeof one === 'number') : [];
  } catch {
    return [];
  }
}

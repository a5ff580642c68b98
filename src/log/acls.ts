import type { TopicNames } from './topics';

/** The commands of queuefold that use Kafka, each with permissions of its own. */
export const ACL_ROLES = ['bridge', 'fold', 'sink', 'board', 'rebuild', 'erase', 'setup', 'replay', 'doctor'] as const;
export type AclRole = (typeof ACL_ROLES)[number];

/** By `kafka-acls.sh`'s names. Read and Write imply Describe; AlterConfigs implies DescribeConfigs. */
export type AclOperation = 'Read' | 'Write' | 'Create' | 'Delete' | 'Describe' | 'DescribeConfigs' | 'AlterConfigs';

export interface Acl {
  readonly resource: 'topic' | 'group' | 'transactional-id';
  readonly name: string;
  readonly pattern: 'literal' | 'prefixed';
  readonly operations: readonly AclOperation[];
}

/** All permissions that a role needs at Kafka, and no more. */
export function aclsOf(role: AclRole, names: TopicNames): readonly Acl[] {
  const { prefix, events, state, visits, changelog, deadLetters, foldGroup } = names;
  const storing = (groupName: string, visitGroupName: string): readonly Acl[] => [
    // DescribeConfigs: how long the topic keeps tombstones.
    topic(state, 'Read', 'DescribeConfigs'),
    topic(visits, 'Read'),
    topic(names.names, 'Read'),
    topic(deadLetters, 'Write'),
    group(groupName),
    group(visitGroupName),
  ];
  switch (role) {
    case 'bridge':
      // The bridge reads the live rows to find what it missed, and reads the names to write only changes.
      return [
        topic(events, 'Write'),
        topic(state, 'Read'),
        topic(names.names, 'Read', 'Write'),
        topic(deadLetters, 'Write'),
      ];
    case 'fold':
      return [
        topic(events, 'Read'),
        // DescribeConfigs: whether Kafka deletes the state.
        topic(changelog, 'Read', 'Write', 'DescribeConfigs'),
        // DescribeConfigs: how large a record may be. Read: whether there are rows that the changelog does not know.
        topic(state, 'Read', 'Write', 'DescribeConfigs'),
        topic(visits, 'Write', 'DescribeConfigs'),
        topic(deadLetters, 'Write'),
        group(foldGroup),
        { resource: 'transactional-id', name: `${foldGroup}-`, pattern: 'prefixed', operations: ['Write'] },
      ];
    case 'sink':
      return storing(names.sinkGroup, names.visitSinkGroup);
    case 'board':
      // Without a group, because any number of boards read the same.
      return [topic(state, 'Read'), topic(visits, 'Read'), topic(names.names, 'Read')];
    case 'rebuild':
      return storing(names.rebuildGroup, names.visitRebuildGroup);
    case 'erase':
      // It looks for addresses and visits, asks the fold with an event, and waits for the fold's tombstones.
      return [topic(events, 'Read', 'Write'), topic(state, 'Read'), topic(changelog, 'Read'), topic(visits, 'Read')];
    case 'setup':
      return allTopics(names).map((name) => topic(name, 'Create', 'Describe', 'AlterConfigs'));
    case 'replay': {
      // Its own topics, groups and transactional ids, which it creates and removes.
      const own = { name: `${prefix}_replay_`, pattern: 'prefixed' } as const;
      return [
        { resource: 'topic', ...own, operations: ['Create', 'Delete', 'AlterConfigs', 'Read', 'Write'] },
        { resource: 'group', ...own, operations: ['Read'] },
        { resource: 'transactional-id', ...own, operations: ['Write'] },
      ];
    }
    case 'doctor':
      return allTopics(names).map((name) => topic(name, 'Describe', 'DescribeConfigs'));
  }
}

function allTopics(topics: TopicNames): readonly string[] {
  return [topics.events, topics.state, topics.visits, topics.changelog, topics.deadLetters, topics.names];
}

function topic(name: string, ...operations: readonly AclOperation[]): Acl {
  return { resource: 'topic', name, pattern: 'literal', operations };
}

function group(name: string): Acl {
  return { resource: 'group', name, pattern: 'literal', operations: ['Read'] };
}

/** The flags of `kafka-acls.sh --add` that allow it. */
export function aclFlags({ resource, name, pattern, operations }: Acl): string {
  const allowed = operations.map((operation) => `--operation ${operation}`).join(' ');
  return `${allowed}${pattern === 'prefixed' ? ' --resource-pattern-type prefixed' : ''} --${resource} ${name}`;
}

/** The combined needs of several roles, each resource once. */
export function mergedAcls(acls: readonly Acl[]): readonly Acl[] {
  const merged = new Map<string, Acl>();
  for (const acl of acls) {
    const key = `${acl.resource} ${acl.pattern} ${acl.name}`;
    const operations = [...new Set([...(merged.get(key)?.operations ?? []), ...acl.operations])];
    merged.set(key, { ...acl, operations });
  }
  return [...merged.values()];
}

import type { AclEntry } from 'kafkajs';
import type { Acl, AclOperation } from '../../../src/log/acls';
import { kafkajs } from '../../../src/log/kafkajs/client';

/** What kafkajs makes of ACLs: an entry for each operation. */
export function aclEntries(user: string, acls: readonly Acl[]): readonly AclEntry[] {
  const { AclResourceTypes, AclPermissionTypes, ResourcePatternTypes, AclOperationTypes } = kafkajs();
  const resourceTypes = {
    topic: AclResourceTypes.TOPIC,
    group: AclResourceTypes.GROUP,
    'transactional-id': AclResourceTypes.TRANSACTIONAL_ID,
  };
  const operationTypes: Readonly<Record<AclOperation, number>> = {
    Read: AclOperationTypes.READ,
    Write: AclOperationTypes.WRITE,
    Create: AclOperationTypes.CREATE,
    Delete: AclOperationTypes.DELETE,
    Describe: AclOperationTypes.DESCRIBE,
    DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
    AlterConfigs: AclOperationTypes.ALTER_CONFIGS,
  };
  return acls.flatMap(({ resource, name, pattern, operations }) =>
    operations.map((operation) => ({
      principal: `User:${user}`,
      host: '*',
      resourceType: resourceTypes[resource],
      resourceName: name,
      resourcePatternType: pattern === 'prefixed' ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
      operation: operationTypes[operation],
      permissionType: AclPermissionTypes.ALLOW,
    })),
  );
}

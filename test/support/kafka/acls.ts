import type { AclEntry, AclOperationTypes } from 'kafkajs';
import type { Acl, AclOperation } from '../../../src/log/acls';
import { kafkajs } from '../../../src/log/kafkajs/client';

/** ACLs in kafkajs's form: an entry for each operation. */
export function aclEntries(user: string, acls: readonly Acl[]): readonly AclEntry[] {
  const { AclResourceTypes, AclPermissionTypes, ResourcePatternTypes, AclOperationTypes: types } = kafkajs();
  const resourceTypes = {
    topic: AclResourceTypes.TOPIC,
    group: AclResourceTypes.GROUP,
    'transactional-id': AclResourceTypes.TRANSACTIONAL_ID,
  };
  const operationTypes: Readonly<Record<AclOperation, AclOperationTypes>> = {
    Read: types.READ,
    Write: types.WRITE,
    Create: types.CREATE,
    Delete: types.DELETE,
    Describe: types.DESCRIBE,
    DescribeConfigs: types.DESCRIBE_CONFIGS,
    AlterConfigs: types.ALTER_CONFIGS,
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

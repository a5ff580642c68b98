import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { ACL_ROLES, aclFlags, aclsOf, topicNames } from '../../../src/log';
import { type Grant, grantText, SETUP_GRANTS, SINK_GRANTS } from '../../../src/store';

test('the ACLs to copy are those of the code, which the tests run with: no more, no less', () => {
  const text = readFileSync(join(packageRoot(), 'docs', 'how-to', 'secure.md'), 'utf8');
  const lines = text.replaceAll(/ \\\n +/g, ' ').split('\n');
  const documented = lines.filter((line) => /^acl [a-z]/.test(line));
  const names = topicNames('genesys');
  const wanted = ACL_ROLES.flatMap((role) => aclsOf(role, names).map((acl) => `acl ${role} ${aclFlags(acl)}`));
  expect(documented).toEqual(wanted);
});

test('the GRANTs to copy are those of the code', () => {
  const text = readFileSync(join(packageRoot(), 'docs', 'how-to', 'secure.md'), 'utf8');
  const documented = text.split('\n').filter((line) => /^GRANT .* TO (setup|sink)_user;$/.test(line));
  const render = (grants: readonly Grant[], user: string) =>
    grants.map((grant) => `${grantText(grant, 'queuefold').replaceAll('`', '')} TO ${user};`);
  expect(documented).toEqual([...render(SETUP_GRANTS, 'setup_user'), ...render(SINK_GRANTS, 'sink_user')]);
});

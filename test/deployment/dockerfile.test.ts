import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, jest, test } from '@jest/globals';
import { packageRoot } from '../../src/common';
import { toolPath } from '../support/deployment/tools';

// The linter is fetched once on a machine.
jest.setTimeout(600_000);

test('hadolint finds nothing in the Dockerfile', async () => {
  const { stdout } = await promisify(execFile)(toolPath('hadolint'), [join(packageRoot(), 'Dockerfile')]);
  expect(stdout).toBe('');
});

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../../src/common';

export type Tool = 'helm3' | 'helm4' | 'hadolint' | 'checkov';

let folder: string | undefined;

/** The path of a program that test/tools installs. The first call on a machine installs it, which takes minutes. */
export function toolPath(tool: Tool): string {
  folder ??= execFileSync(join(packageRoot(), 'test', 'tools', 'install'), { encoding: 'utf8' }).trim();
  return join(folder, 'bin', tool);
}

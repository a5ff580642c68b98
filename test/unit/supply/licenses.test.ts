import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { temporaryFolders } from '../../support/files/folders';

const LICENSES = join(packageRoot(), 'tools', 'licenses.mjs');
const newFolder = temporaryFolders();

function check(...flags: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  return spawnSync(process.execPath, [LICENSES, '--check', ...flags], { encoding: 'utf8' });
}

describe('docs/licenses.md', () => {
  test('lists what is installed with queuefold, and all of it is permissive', () => {
    const { status, stderr } = check();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('another license is refused, with the package that has it', async () => {
    const lock = join(await newFolder(), 'package-lock.json');
    const packages = {
      '': { name: 'queuefold' },
      'node_modules/copyleft': { version: '1.0.0', license: 'MIT AND GPL-3.0-only' },
      'node_modules/either': { version: '1.0.0', license: '(MIT OR GPL-3.0-only)' },
      'node_modules/silent': { version: '2.0.0' },
      'node_modules/for-tests': { version: '1.0.0', license: 'GPL-3.0-only', dev: true },
    };
    writeFileSync(lock, JSON.stringify({ packages }));
    const { status, stderr } = check('--lock', lock);
    expect(status).toBe(1);
    expect(stderr.match(/^.*license \S+( AND \S+)? is not/gm)).toEqual([
      'copyleft 1.0.0: license MIT AND GPL-3.0-only is not',
      'silent 2.0.0: license unknown is not',
    ]);
  });
});

interface Sbom {
  readonly bomFormat: string;
  readonly metadata: { readonly component: { readonly purl: string } };
  readonly components: readonly { readonly purl: string; readonly hashes?: readonly unknown[] }[];
}

test('npm run sbom: a CycloneDX list of the same packages, with their hashes', () => {
  const options = { cwd: packageRoot(), encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const;
  const sbom = JSON.parse(execFileSync('npm', ['run', '--silent', 'sbom'], options)) as Sbom;
  expect(sbom.bomFormat).toBe('CycloneDX');
  expect(sbom.metadata.component.purl).toMatch(/^pkg:npm\/queuefold@/);
  const rows = readFileSync(join(packageRoot(), 'docs', 'licenses.md'), 'utf8').matchAll(
    /^\| ([^ |]+) \| (\d[^ |]*) \|/gm,
  );
  const listed = [...rows].map(([, name, version]) => `pkg:npm/${name}@${version}`);
  expect(listed.length).toBeGreaterThan(50);
  expect(sbom.components.map(({ purl }) => decodeURIComponent(purl)).sort()).toEqual(listed.sort());
  // For other platforms the lock file has none.
  const unhashed = sbom.components.filter(({ hashes }) => hashes === undefined).map(({ purl }) => purl);
  expect(unhashed.filter((purl) => !purl.includes('%40chdb/lib-'))).toEqual([]);
});

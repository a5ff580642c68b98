/**
 * `npm run sbom`: a CycloneDX bill of materials of what is installed with queuefold, on stdout.
 * It is npm's own of the lock file without what only development needs. `npm sbom --omit=dev` is not used: it leaves out
 * what both development and an optional package need (npm 10 and 11).
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shippedPackages } from './shipped.mjs';

const cwd = join(fileURLToPath(import.meta.url), '..', '..');
const flags = ['--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
const sbom = JSON.parse(
  execFileSync('npm', ['sbom', ...flags], { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }),
);
const shipped = new Set(
  shippedPackages(join(cwd, 'package-lock.json')).map(({ name, version }) => `${name}@${version}`),
);
const { component } = sbom.metadata;
const isListed = (ref) => ref === component['bom-ref'] || shipped.has(ref);
component.name = 'queuefold'; // npm takes the name of the folder
sbom.components = sbom.components.filter((each) => isListed(each['bom-ref']));
sbom.dependencies = sbom.dependencies
  .filter(({ ref }) => isListed(ref))
  .map((each) => ({ ...each, dependsOn: (each.dependsOn ?? []).filter(isListed) }));
console.log(JSON.stringify(sbom, null, 2));

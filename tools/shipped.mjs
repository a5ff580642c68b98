/** The packages that an installation of queuefold may bring with it, as package-lock.json names them. */
import { readFileSync } from 'node:fs';

/**
 * Licenses that the lock file does not have, because the package's own package.json or the registry's short answer lacks
 * it, or names it in a form of old, and where each was found.
 */
const FOUND_ELSEWHERE = new Map([
  ['@kafkajs/confluent-schema-registry', 'MIT'], // its file LICENSE
  ['buildcheck', 'MIT'], // package.json: licenses; its file LICENSE
  ['cpu-features', 'MIT'],
  ['ssh2', 'MIT'],
  ['@chdb/lib-darwin-arm64', 'Apache-2.0'], // package.json of the same package for other platforms
  ['@chdb/lib-darwin-x64', 'Apache-2.0'],
  ['@chdb/lib-linux-arm64-gnu', 'Apache-2.0'],
]);

/**
 * @typedef {{ name: string, version: string, license: string, optional: boolean }} Shipped
 * `license`: an SPDX expression, or `unknown`
 */

/**
 * Everything but what only development needs, sorted by name and version, each once.
 * @param {string} lockFile
 * @returns {Shipped[]}
 */
export function shippedPackages(lockFile) {
  const { packages } = JSON.parse(readFileSync(lockFile, 'utf8'));
  const shipped = new Map();
  for (const [path, entry] of Object.entries(packages)) {
    if (path === '' || entry.dev === true) continue;
    const name = entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const license = entry.license ?? FOUND_ELSEWHERE.get(name) ?? 'unknown';
    const optional = entry.optional === true || entry.devOptional === true;
    const key = `${name}@${entry.version}`;
    // Needed once is needed.
    const earlier = shipped.get(key);
    shipped.set(key, { name, version: entry.version, license, optional: optional && earlier?.optional !== false });
  }
  return [...shipped].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, each]) => each);
}

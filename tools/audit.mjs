/**
 * `npm audit`, where each finding must be explained in tools/audit-explained.json or be gone.
 * Ends with 0 where the registry does not answer audits, and says so: that tells nothing about the packages.
 * Usage: node tools/audit.mjs [--explained FILE], in the folder of package-lock.json
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/**
 * @typedef {{ url: string, name: string, severity: string, title: string, range: string }} Advisory
 * @typedef {{ url: string, why: string }} Explanation why it does not concern queuefold, or what is done about it
 */

/** @returns {{ advisories: Advisory[] } | { unanswered: string }} */
function audit() {
  const { stdout, stderr, error } = spawnSync('npm', ['audit', '--json'], { encoding: 'utf8' });
  if (error !== undefined) return { unanswered: error.message };
  let report;
  try {
    report = JSON.parse(stdout);
  } catch {
    return { unanswered: stderr.trim() };
  }
  if (report.auditReportVersion === undefined) {
    return { unanswered: report.message ?? report.error?.summary ?? stderr.trim() };
  }
  const advisories = Object.values(report.vulnerabilities)
    .flatMap(({ via }) => via)
    .filter((cause) => typeof cause === 'object');
  return { advisories: [...new Map(advisories.map((each) => [each.url, each])).values()] };
}

const { values } = parseArgs({ options: { explained: { type: 'string' } } });
/** @type {Explanation[]} */
const explanations = JSON.parse(
  readFileSync(values.explained ?? new URL('audit-explained.json', import.meta.url), 'utf8'),
);
const why = new Map(explanations.map((each) => [each.url, each.why]));
const result = audit();
if ('unanswered' in result) {
  console.log(`audit: NOT DONE, the registry does not answer audits (${result.unanswered})`);
} else {
  const open = result.advisories.filter(({ url }) => !why.has(url));
  for (const { name, range, severity, title, url } of open) {
    console.error(
      `${name} ${range}: ${severity}, ${title} (${url}). Update it, or explain it in tools/audit-explained.json.`,
    );
  }
  for (const url of why.keys()) {
    if (!result.advisories.some((found) => found.url === url)) {
      console.error(`${url} is explained in tools/audit-explained.json and no longer found. Remove it there.`);
    }
  }
  if (open.length > 0) process.exitCode = 1;
  else console.log(`audit: nothing unexplained (${result.advisories.length} explained)`);
}
